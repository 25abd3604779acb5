//! What a provider or a gateway reports that a call costs.

/// The charges in a response, in US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Charge {
    /// By the provider's own meter: zero is a price.
    pub(crate) metered: Option<f64>,
    /// By a gateway: zero may only say that it knows no price.
    pub(crate) charged: Option<f64>,
    /// By the provider behind a gateway.
    pub(crate) upstream: Option<f64>,
    /// In a header of a gateway, where the body has none.
    pub(crate) header: Option<f64>,
    /// The caller's own key was used behind the gateway, so that the provider bills the caller.
    pub(crate) own_key: Option<bool>,
}

/// What the charges of a response come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reported {
    /// None is reported.
    Nothing,
    /// Some are, and do not say what the call costs.
    Unclear,
    /// US dollars.
    Usd(f64),
}

impl Charge {
    /// Overlays what is known: a charge does not fall to zero after it was more.
    pub(crate) fn merge(&mut self, newer: Self) {
        for (old, new) in [
            (&mut self.metered, newer.metered),
            (&mut self.charged, newer.charged),
            (&mut self.upstream, newer.upstream),
            (&mut self.header, newer.header),
        ] {
            if new.is_some_and(|new| new > 0.0) || old.is_none() {
                *old = new.or(*old);
            }
        }
        self.own_key = newer.own_key.or(self.own_key);
    }

    /// Takes the header's charge for none that is known: a stream's headers are written before its output exists.
    pub(crate) const fn doubt_header(&mut self) {
        if self.header.is_some() {
            self.header = Some(0.0);
        }
    }

    /// What the caller pays. With a key of their own that is the gateway's fee and what the provider bills; a gateway's
    /// zero is a price only where it says that no such key was used.
    pub(crate) fn reported(&self) -> Reported {
        if let Some(usd) = self.metered {
            return Reported::Usd(usd);
        }
        let upstream = self.upstream.filter(|usd| *usd > 0.0);
        match (self.charged, self.own_key, upstream) {
            (Some(fee), Some(true), Some(upstream)) => Reported::Usd(fee + upstream),
            (Some(0.0), None, Some(upstream)) => Reported::Usd(upstream),
            (_, Some(true), _) => Reported::Unclear,
            (Some(usd), own_key, _) if usd > 0.0 || own_key == Some(false) => Reported::Usd(usd),
            (Some(_), ..) => Reported::Unclear,
            (None, ..) => match self.header {
                Some(usd) if usd > 0.0 => Reported::Usd(usd),
                Some(_) => Reported::Unclear,
                None => Reported::Nothing,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Charge = Charge { metered: None, charged: None, upstream: None, header: None, own_key: None };

    #[test]
    fn a_zero_is_a_price_only_where_it_must_be_one() {
        let of = |charge: Charge| charge.reported();
        assert_eq!(of(NONE), Reported::Nothing);
        assert_eq!(of(Charge { metered: Some(0.0), ..NONE }), Reported::Usd(0.0));
        assert_eq!(of(Charge { charged: Some(0.0), ..NONE }), Reported::Unclear);
        assert_eq!(of(Charge { charged: Some(0.0), own_key: Some(false), ..NONE }), Reported::Usd(0.0));
        assert_eq!(of(Charge { charged: Some(0.2), ..NONE }), Reported::Usd(0.2));
        assert_eq!(of(Charge { header: Some(0.0), ..NONE }), Reported::Unclear);
        assert_eq!(of(Charge { header: Some(0.3), ..NONE }), Reported::Usd(0.3));
        assert_eq!(of(Charge { header: Some(0.3), charged: Some(0.2), ..NONE }), Reported::Usd(0.2));
    }

    #[test]
    fn a_key_of_the_callers_own_costs_what_the_provider_bills_and_the_fee() {
        let own = Charge { own_key: Some(true), charged: Some(0.01), ..NONE };
        assert_eq!(own.reported(), Reported::Unclear);
        assert_eq!(Charge { upstream: Some(0.2), ..own }.reported(), Reported::Usd(0.01 + 0.2));
        let unmarked = Charge { charged: Some(0.0), upstream: Some(0.2), ..NONE };
        assert_eq!(unmarked.reported(), Reported::Usd(0.2));
        // Without such a key the upstream price is the gateway's business.
        let gateways = Charge { charged: Some(0.3), upstream: Some(0.2), own_key: Some(false), ..NONE };
        assert_eq!(gateways.reported(), Reported::Usd(0.3));
    }

    #[test]
    fn a_charge_does_not_fall_to_zero() {
        let mut charge = NONE;
        for usd in [Some(0.0), Some(0.2), None, Some(0.0)] {
            charge.merge(Charge { charged: usd, ..NONE });
        }
        assert_eq!(charge.charged, Some(0.2));
    }
}
