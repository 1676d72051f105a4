"""Sync with a CloudStack that somebody else runs: what its API lists is compared with what is here.

Rows become groups (a network by itself, or a VPC with its tiers), and each group that differs is brought
here in one transaction, by the same ways as what the extension's commands say.
"""
