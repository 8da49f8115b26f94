//! What may happen in the small world, in any order.

use proptest::prelude::*;

pub const TENANTS: u8 = 3;
pub const CREDENTIALS: u8 = 6;
pub const OPERATORS: u8 = 3;
/// Those of one tenant, then those of the next.
pub const MEMBERS: u8 = 6;

#[derive(Clone, Debug)]
pub enum Step {
    Tenant(u8, TenantStep),
    Credential(u8, CredentialStep),
    Operator(u8, OperatorStep),
    Member(u8, MemberStep),
    Import {
        slot: u8,
        tenant: u8,
        way: u8,
        suspended: bool,
    },
    Wait(u8),
    /// some hours
    Sleep(u8),
    /// A client is given a token for one of its secrets.
    Issue {
        slot: u8,
        which: u8,
        seconds: u32,
    },
    GiveBack(u8),
}

#[derive(Clone, Debug)]
pub enum TenantStep {
    Suspend,
    Resume,
    Rename(String),
    Format(u8),
    Operations(bool),
    KeepIds(bool),
    Limit(u8),
}

#[derive(Clone, Debug)]
pub enum CredentialStep {
    Create {
        tenant: u8,
        name: String,
        scope: u8,
        expires: Option<u8>,
        ip: bool,
        erased: bool,
        owner: Option<u8>,
    },
    Rename(String),
    Rescope(u8),
    Expire(Option<u8>),
    Restrict(bool),
    Limit(u8),
    Own(Option<u8>),
    Rotate(Option<u8>),
    MoveGrace {
        which: u8,
        to: u8,
    },
    RevokeSecret(u8),
    RevokeTokens,
    Suspend,
    Resume,
    RecordDue,
    /// nothing was used for so many seconds
    CloseQuiet(u8),
    Warn,
    Revoke,
}

#[derive(Clone, Debug)]
pub enum MemberStep {
    Rename(String),
    Rescope(u8),
    Disable,
    Enable,
}

#[derive(Clone, Debug)]
pub enum OperatorStep {
    Mint(u8),
    RevokeToken(u8),
    Assign(u8, Option<u8>),
    Disable,
    Enable,
    /// of one that was invited
    Accept(bool),
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,40}", "[a-zé漢]{1,100}", Just("sixteen letters!".to_owned())]
}

pub fn steps() -> impl Strategy<Value = Step> {
    use CredentialStep as C;
    let tenant = prop_oneof![
        1 => Just(TenantStep::Suspend),
        3 => Just(TenantStep::Resume),
        1 => names().prop_map(TenantStep::Rename),
        1 => (0..4u8).prop_map(TenantStep::Format),
        1 => any::<bool>().prop_map(TenantStep::Operations),
        1 => any::<bool>().prop_map(TenantStep::KeepIds),
        1 => (0..4u8).prop_map(TenantStep::Limit),
    ];
    let owner = || proptest::option::of(0..MEMBERS);
    let create = (0..TENANTS, names(), 0..4u8, any::<Option<u8>>(), any::<bool>(), any::<bool>(), owner());
    let create = create.prop_map(|(tenant, name, scope, expires, ip, erased, owner)| C::Create {
        tenant,
        name,
        scope,
        expires,
        ip,
        erased,
        owner,
    });
    let credential = prop_oneof![
        6 => create,
        1 => names().prop_map(C::Rename),
        1 => (0..4u8).prop_map(C::Rescope),
        1 => any::<Option<u8>>().prop_map(C::Expire),
        1 => any::<bool>().prop_map(C::Restrict),
        1 => (0..4u8).prop_map(C::Limit),
        3 => owner().prop_map(C::Own),
        5 => prop_oneof![Just(None), Just(Some(0)), (1..90u8).prop_map(Some)].prop_map(C::Rotate),
        2 => (0..6u8, 1..90u8).prop_map(|(which, to)| C::MoveGrace { which, to }),
        2 => (0..6u8).prop_map(C::RevokeSecret),
        1 => Just(C::RevokeTokens),
        1 => Just(C::Suspend),
        1 => Just(C::Resume),
        2 => Just(C::RecordDue),
        3 => (1..90u8).prop_map(C::CloseQuiet),
        1 => Just(C::Warn),
        1 => Just(C::Revoke),
    ];
    let operator = prop_oneof![
        3 => (1..90u8).prop_map(OperatorStep::Mint),
        1 => (0..4u8).prop_map(OperatorStep::RevokeToken),
        2 => (0..4u8, prop::option::of(0..TENANTS)).prop_map(|(role, tenant)| OperatorStep::Assign(role, tenant)),
        1 => Just(OperatorStep::Disable),
        2 => Just(OperatorStep::Enable),
        2 => any::<bool>().prop_map(OperatorStep::Accept),
    ];
    let member = prop_oneof![
        1 => names().prop_map(MemberStep::Rename),
        3 => (0..4u8).prop_map(MemberStep::Rescope),
        1 => Just(MemberStep::Disable),
        2 => Just(MemberStep::Enable),
    ];
    prop_oneof![
        2 => (0..TENANTS, tenant).prop_map(|(slot, step)| Step::Tenant(slot, step)),
        12 => (0..CREDENTIALS, credential).prop_map(|(slot, step)| Step::Credential(slot, step)),
        1 => (0..OPERATORS, operator).prop_map(|(slot, step)| Step::Operator(slot, step)),
        2 => (0..MEMBERS, member).prop_map(|(slot, step)| Step::Member(slot, step)),
        3 => (0..CREDENTIALS, 0..TENANTS, 0..super::imports::WAYS, proptest::bool::weighted(0.2))
            .prop_map(|(slot, tenant, way, suspended)| Step::Import { slot, tenant, way, suspended }),
        2 => (0..60u8).prop_map(Step::Wait),
        1 => (0..CREDENTIALS, 0..6u8, prop_oneof![1..400u32, Just(86_400)])
            .prop_map(|(slot, which, seconds)| Step::Issue { slot, which, seconds }),
        1 => any::<u8>().prop_map(Step::GiveBack),
    ]
}
