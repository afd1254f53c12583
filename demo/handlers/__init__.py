"""What the page answers, one file a tab: plain functions of values, which a test calls without a browser."""
