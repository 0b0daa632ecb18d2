"""What prior and decoder share: the loop, guidance, schedulers and noise."""
