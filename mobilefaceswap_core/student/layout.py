"""Sizes and constants of MobileFaceSwap's networks: what their PyTorch and their ONNX forms share."""

from __future__ import annotations

# Official layout, `UNet.__init__`.
ENCODER_CHANNELS = (3, 32, 64, 128, 256, 512)
DECODER_IN_CHANNELS = (512, 512, 256, 128)
DECODER_OUT_CHANNELS = (256, 128, 64, 32)
MASK_CHANNELS = (512, 128, 64, 32, 8, 2)
ENCODER_KERNEL, DECODER_KERNEL = 4, 3
SLOPE = 0.1  # of every LeakyReLU
EMBEDDING = 512  # length of the identity embedding, and channels of the identity feature map

# Of the compact injection network: (channels, kernel side) of the nine depthwise stages, encoder, then decoder.
KERNEL_SHAPES = (
    *((channels, ENCODER_KERNEL) for channels in ENCODER_CHANNELS[:-1]),
    *((channels, DECODER_KERNEL) for channels in DECODER_IN_CHANNELS),
)
NORM_EPSILON = 1e-4  # keeps the gradient of a vanishing kernel bounded
MODULATION_EPSILON = 1e-8  # float32-safe form of the official 1e-16
CODE_GAIN = 1.4  # LeakyReLU of a unit normal has a root mean square of about 0.71; this brings the code back to about 1
