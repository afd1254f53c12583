"""The Gradio app: interactive swapping over :mod:`mobilefaceswap_core`, ready for a Space."""
