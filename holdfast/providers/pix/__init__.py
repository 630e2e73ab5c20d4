"""Pix through any bank that speaks the central bank's API Pix: charges with a QR code, returns, callbacks that only point.

https://github.com/bacen/pix-api (2.9.0)
"""
