"""Identity encoders: a face crop in, a unit embedding and a feature map out."""
