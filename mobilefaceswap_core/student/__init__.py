"""MobileFaceSwap itself: the network per frame, what predicts its kernels, where it runs, and how it leaves this project."""
