"""The metadata database: what the gateway knows of its objects, and the only room that speaks SQL.

It stores attributes without knowing what they mean: rules, states and dates are the callers'.
"""
