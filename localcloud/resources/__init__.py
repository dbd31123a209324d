"""Which actions on which resources an operation needs: one small file per service.

Source: Service Authorization Reference, one page per service.
"""
