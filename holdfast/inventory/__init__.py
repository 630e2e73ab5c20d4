"""What can be sold: stock of items, pools and time slots, and the reservations that hold it. One mechanism for all three."""
