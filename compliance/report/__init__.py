"""Writers: each turns a judgement into one format. None of them judges."""
