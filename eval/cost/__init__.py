"""What each method costs: parameters, multiply-adds, time, memory; counted and measured apart from what is quoted."""
