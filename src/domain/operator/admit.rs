//! Admit somebody whom nobody has invited: what the identity provider says of the person maps to a role. From then on each
//! sign-in gives it what the mapping says then (an [`super::Assign`] by the service itself).

use super::{Beside, Created, Operator, OperatorEvent, Person, Reach};
use crate::domain::authority::Role;
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Admit {
    pub person: Person,
    pub role: Role,
    pub reach: Reach,
}

impl Admit {
    pub(super) fn decide(
        &self,
        operator: Option<&Operator>,
        beside: &Beside<'_>,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        beside.may_make(operator, self.role, &self.reach)?;
        let Person { identity, email, name } = &self.person;
        // Names are not empty; whoever brings none goes by the address, and by the role where there is none either.
        let name = name.clone().or_else(|| (!email.is_empty()).then(|| email.clone()));
        Ok(vec![OperatorEvent::Created(Created {
            name: Personal::Known(name.unwrap_or_else(|| self.role.word().to_owned())),
            role: self.role,
            reach: self.reach.clone(),
            first: false,
            identity: Some(*identity),
            email: Some(Personal::Known(email.clone())),
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operator::testing::*;
    use crate::domain::testing::recorded_on;

    fn admit(person: Person) -> Operator {
        let admit = Admit { person, role: Role::Gateway, reach: Reach::All };
        let events = admit.decide(None, &Beside::default()).expect("accepted");
        let [event] = events.try_into().expect("one event");
        crate::domain::operator::fold(None, event.clone(), &recorded_on(1, event.into())).expect("it folds")
    }

    #[test]
    fn whom_the_mapping_lets_in_is_known_as_mapped() {
        let made = admit(a_person(7));
        assert_eq!((made.identity, made.is_mapped), (Some(a_person(7).identity), true));
        assert_eq!((made.role, made.reach), (Role::Gateway, Reach::All));
        assert_eq!(made.email, Personal::Known("ada@example.com".into()));
    }

    #[test]
    fn whoever_brings_no_name_goes_by_the_address() {
        let nameless = Person { name: None, ..a_person(7) };
        assert_eq!(admit(nameless.clone()).name, Personal::Known("ada@example.com".into()));
        let unknown = Person { email: String::new(), ..nameless };
        assert_eq!(admit(unknown).name, Personal::Known("gateway".into()));
    }
}
