-- The secret of this tenant with this whole prefix. Keys from elsewhere may share one: then the first that was taken in.
create or replace function credledger.secret_of_prefix(ledger int, tenant uuid, of_prefix text) returns uuid
language sql stable
begin atomic
  select s.id from credledger.secrets s
    where s.ledger_id = ledger and s.tenant_id = tenant and s.prefix = of_prefix
    order by s.id limit 1;
end;
