"""What the controller says to guests, judged by scapy."""
