-- Whose a secret is, as far as the reader's sight goes.
select credential_id, id from credledger.secrets where ledger_id = $1 and id = $2
