"""What goes on by itself: wake, claim, deliver, settle."""
