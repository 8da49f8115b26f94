-- One stretch of a tenant's calls, newest first, within [first, before): at most `most` rows are looked at, those that `driver` finds by
-- its index; what the other filters leave of them is returned with `shown`, and the last one that was looked at in any case. Where a
-- report completes a verdict, the two are one: the verdict's place, and of the other members the report's, or else the verdict's. It is
-- shown where the member that was looked for stands. Written to be inlined, with the driver as a word of the statement: planned once for
-- each driver, it is one index range scan whatever the values are. The primary key, which has the order but knows no filter, is kept
-- out of that (ledger + 0): it would be walked through other tenants' rows.
create or replace function credledger.read_activity(
  ledger int, tenant uuid, first uuid, before uuid, before_id uuid, most bigint, driver text,
  of_credential uuid, of_secret uuid, of_operation text, of_outcome text, of_client_ip inet, of_request_id text
) returns table (
  shown boolean, place uuid, id uuid, looked_at bigint, credential_id uuid, secret_id uuid, prefix text, kind text, judged boolean,
  completes uuid, outcome text, status smallint, latency_ms int, operation text, provider text, model text, error text, client_ip inet,
  request_id text, asked text
)
language sql stable
begin atomic
  with looked as materialized (
    select a.* from credledger.activity a
      where a.ledger_id + 0 = ledger and a.tenant_id = tenant and a.place >= first and a.place <= before
        and (a.place < before or a.id < before_id)
        and (driver <> 'credential' or a.credential_id = of_credential)
        and (driver <> 'secret' or a.secret_id = of_secret)
        and (driver <> 'operation' or a.operation = of_operation)
        and (driver <> 'outcome' or a.outcome = of_outcome)
        and (driver <> 'client_ip' or a.client_ip = of_client_ip)
        and (driver <> 'request_id' or a.request_id = of_request_id)
      order by a.place desc, a.id desc
      limit most
  ), paired as (
    select a.place, a.id, a.credential_id, coalesce(r.secret_id, v.secret_id) as secret_id, coalesce(r.kind, v.kind) as kind,
           v.id is not null as judged, r.completes,
           coalesce(r.outcome, v.outcome) as outcome, coalesce(r.status, v.status) as status,
           coalesce(r.latency_ms, v.latency_ms) as latency_ms, coalesce(r.operation, v.operation) as operation,
           coalesce(r.provider, v.provider) as provider, coalesce(r.model, v.model) as model, coalesce(r.error, v.error) as error,
           coalesce(r.client_ip, v.client_ip) as client_ip, coalesce(r.request_id, v.request_id) as request_id, r.asked,
           not a.judged or r.id is null or case driver
             when 'secret' then r.secret_id is null
             when 'operation' then r.operation is null
             when 'outcome' then r.outcome is null
             when 'client_ip' then r.client_ip is null
             when 'request_id' then r.request_id is null
             else false
           end as stands_here
      from looked a
      left join lateral (
        select o.* from credledger.activity o
          where (a.judged or a.completes is not null)
            and o.ledger_id = ledger and o.place = a.place and o.place >= first and o.place <= before and o.tenant_id = tenant
            and o.credential_id = a.credential_id and o.judged <> a.judged and (o.judged or o.completes is not null)
          order by o.id limit 1
      ) o on true
      left join lateral (select a.* where not a.judged union all select o.* where not o.judged) r on true
      left join lateral (select a.* where a.judged union all select o.* where o.judged) v on true
  )
  select f.shown, f.place, f.id, f.looked_at, f.credential_id, f.secret_id, s.prefix, f.kind, f.judged, f.completes, f.outcome, f.status,
         f.latency_ms, f.operation, f.provider, f.model, f.error, f.client_ip, f.request_id,
         f.asked
    from (
      select p.*, count(*) over () as looked_at, row_number() over (order by p.place, p.id) as from_the_end,
             p.stands_here
               and (of_credential is null or p.credential_id = of_credential)
               and (of_secret is null or p.secret_id = of_secret)
               and (of_operation is null or p.operation = of_operation)
               and (of_outcome is null or p.outcome = of_outcome)
               and (of_client_ip is null or p.client_ip = of_client_ip)
               and (of_request_id is null or p.request_id = of_request_id) as shown
        from paired p
    ) f
    left join lateral (select s.prefix from credledger.secrets s where s.ledger_id = ledger and s.id = f.secret_id limit 1) s on true
    where f.shown or f.from_the_end = 1
    order by f.place desc, f.id desc;
end;
