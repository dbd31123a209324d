"""A cloud on this machine that authorises and attests for real."""
