//! The shelf breaks no rule, whatever it is asked.
