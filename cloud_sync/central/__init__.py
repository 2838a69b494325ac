"""The booking and payment service: users, lots, prices and money; copies of what each lot's hub decides."""
