"""What ties the units together: `link` on every unit, `central` the booking and payment service."""
