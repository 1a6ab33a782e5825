"""Databases of two engines beside each other: is what is said of them true?"""
