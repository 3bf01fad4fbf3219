"""What an event is: the three kinds as typed columns, and the batch that carries them."""
