-- Says of one process how much of what it counted has been brought, and when it was over. One that was taken for dead, and brings what
-- it counted after all, has lost nothing. One that has brought nothing for longer than a pause could let nobody in meanwhile, for want
-- of the database or of its own time: it begins anew behind that.
create or replace function credledger.keep_usage_span(
  ledger int, of_boot uuid, of_node uuid, began_ms bigint, brought_until_ms bigint, over_at_ms bigint, pause_ms bigint
) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
  insert into credledger.usage_spans as s (ledger_id, boot, node, from_ms, brought_ms, over_ms)
    values (ledger, of_boot, of_node, began_ms, greatest(began_ms, brought_until_ms), over_at_ms)
    on conflict (ledger_id, boot) do update set
      from_ms = case when excluded.brought_ms - s.brought_ms > pause_ms then excluded.brought_ms else s.from_ms end,
      brought_ms = greatest(s.brought_ms, excluded.brought_ms), over_ms = excluded.over_ms;
end;
