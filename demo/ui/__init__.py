"""What is shown, one file a tab: a function lays out components, another connects them with their handlers."""
