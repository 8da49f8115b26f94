-- For the rest of the transaction: rows that have an index in the order that they are asked for are read in it, however few of them the
-- planner expects. It takes filters of one row for independent of each other, and a credential's tenant is not. What it can't do
-- without a sort costs more, by its own reckoning, than anything is worth: it would compile that for seconds (jit) to sort a page.
create or replace function credledger.read_in_order() returns void
language sql
begin atomic
  select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true),
    set_config('jit', 'off', true);
  select;
end;
