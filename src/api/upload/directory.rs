//! `GET /api/upload/list` and `/api/upload/count`: what is registered.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::openapi::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::contract::{Caller, Envelope, unauthenticated};
use super::super::given::{MOST, USUAL};
use super::{Door, Problem, contracted};
use crate::identity::{PersonId, Scope};
use crate::registry::{Instance, Page, Search, Status};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(contracted(routes!(list)))
        .routes(contracted(routes!(count)))
}

/// Which are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Wanted {
    /// Which page, from 1 on; a smaller number is 1.
    #[param(schema_with = integer, required = false)]
    page_no: Option<i64>,
    /// How many of one page: 20, or 1 to 100; what is outside is the nearest of these.
    #[param(schema_with = integer, required = false)]
    page_size: Option<i64>,
    /// Only of this status: `online`, `offline`, `unregistered`. May be repeated; without it all that are not unregistered.
    status: Option<Vec<String>>,
}

/// A number of any size.
fn integer() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).build()
}

/// An instance, as everybody may see it who may see the directory.
#[derive(Serialize, ToSchema)]
struct Item {
    /// What people call it.
    upload_name: String,
    /// Its id.
    instance_id: String,
    /// What it is.
    description: Option<String>,
    /// Whose it is, as they said; null in the public directory.
    email: Option<String>,
    /// `online`, `offline` or `unregistered`.
    status: &'static str,
}

/// A page of the directory.
#[derive(Serialize, ToSchema)]
struct Listed {
    /// Newest first.
    items: Vec<Item>,
    /// Where in the whole they are.
    pagination: Pagination,
}

/// Where in the whole a page is.
#[derive(Serialize, ToSchema)]
struct Pagination {
    /// Which page this is, from 1 on.
    page_no: u64,
    /// How many are on a page at most.
    page_size: u32,
    /// How many there are on all pages.
    total: u64,
    /// How many pages there are.
    total_pages: u64,
}

/// How many there are.
#[derive(Serialize, ToSchema)]
struct Counted {
    /// Those that are registered.
    count: u64,
}

/// Whose instances a caller may see.
enum Sight {
    /// Everybody's, without what is not for everybody.
    Public,
    /// This person's.
    Person(PersonId),
    /// Only itself.
    Itself(Box<Instance>),
}

fn sight(door: &Door, caller: Caller) -> Result<Sight, Problem> {
    let scope = Scope::RegistryRead;
    match caller {
        Caller::Nobody if door.settings.borrow().config.registry.public_directory => {
            Ok(Sight::Public)
        }
        Caller::Nobody => Err(unauthenticated()),
        Caller::Principal(principal) if principal.may(scope) => Ok(Sight::Person(principal.person)),
        Caller::Principal(_) => Err(Problem::insufficient_scope(scope)),
        Caller::Instance(instance) => Ok(match &instance.person {
            Some(person) => Sight::Person(person.clone()),
            None => Sight::Itself(instance),
        }),
    }
}

/// What was asked for, in numbers that there are.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    page_no: u64,
    page_size: u32,
    /// `None`: a status that there is not, and so nothing.
    statuses: Option<Vec<Status>>,
}

impl Asked {
    fn read(query: &str) -> Result<Self, Problem> {
        let mut asked = Self {
            page_no: 1,
            page_size: USUAL,
            statuses: None,
        };
        let mut words = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "page_no" => asked.page_no = number(&name, &value)?.max(1),
                "page_size" => {
                    let size = number(&name, &value)?.clamp(1, MOST.into());
                    asked.page_size = u32::try_from(size).unwrap_or(MOST);
                }
                "status" => words.push(value.into_owned()),
                _ => {}
            }
        }
        let known = [Status::Online, Status::Offline, Status::Unregistered];
        let named = |status: &Status| words.iter().any(|word| word == status.word());
        asked.statuses = match words.is_empty() {
            true => Some(vec![Status::Online, Status::Offline]),
            false => Some(known.into_iter().filter(named).collect())
                .filter(|all: &Vec<_>| !all.is_empty()),
        };
        Ok(asked)
    }
}

/// An integer; what is too small is 0, what is too large the largest.
fn number(name: &str, text: &str) -> Result<u64, Problem> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::bad_request(format!("{name} is an integer")));
    }
    match text.starts_with('-') {
        true => Ok(0),
        false => Ok(text.parse().unwrap_or(u64::MAX)),
    }
}

/// Lists what is registered, newest first.
///
/// Without credentials it is refused, unless `[registry] public_directory` is set; then it lists everything, without
/// addresses. With credentials it lists what is the caller's person's.
#[utoipa::path(get, path = "/api/upload/list", operation_id = "upload.list", tag = "upload", params(Wanted),
    responses((status = 200, body = Envelope<Listed>)))]
async fn list(
    State(door): State<Door>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Envelope<Listed>>, Problem> {
    let sight = sight(&door, caller)?;
    let asked = Asked::read(&query.unwrap_or_default())?;
    let public = matches!(sight, Sight::Public);
    let found = match &asked.statuses {
        None => Page::default(),
        Some(statuses) => find(&door, sight, &asked, statuses)?,
    };
    let items = found.instances.into_iter().map(|instance| Item {
        upload_name: instance.name,
        instance_id: instance.id,
        description: instance.description,
        email: instance.email.filter(|_| !public),
        status: instance.status.word(),
    });
    Ok(Envelope::of(Listed {
        items: items.collect(),
        pagination: Pagination {
            page_no: asked.page_no,
            page_size: asked.page_size,
            total: found.total,
            total_pages: found.total.div_ceil(asked.page_size.into()),
        },
    }))
}

fn find(door: &Door, sight: Sight, asked: &Asked, statuses: &[Status]) -> Result<Page, Problem> {
    let person = match sight {
        Sight::Public => None,
        Sight::Person(person) => Some(person),
        Sight::Itself(own) => {
            let shown = statuses.contains(&own.status);
            return Ok(Page {
                total: shown.into(),
                instances: Some(*own)
                    .filter(|_| shown && asked.page_no == 1)
                    .into_iter()
                    .collect(),
                next: None,
            });
        }
    };
    Ok(door.registry.search(&Search {
        person,
        statuses: statuses.to_vec(),
        skip: (asked.page_no - 1).saturating_mul(asked.page_size.into()),
        limit: asked.page_size,
        total: true,
        ..Search::default()
    })?)
}

/// Counts what is registered; for whom as with the list.
#[utoipa::path(get, path = "/api/upload/count", operation_id = "upload.count", tag = "upload",
    responses((status = 200, body = Envelope<Counted>)))]
async fn count(
    State(door): State<Door>,
    caller: Caller,
) -> Result<Json<Envelope<Counted>>, Problem> {
    let count = match sight(&door, caller)? {
        Sight::Public => door.registry.count()?,
        Sight::Person(person) => door.registry.count_of(Some(&person))?,
        Sight::Itself(own) => (own.status != Status::Unregistered).into(),
    };
    Ok(Envelope::of(Counted { count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_there_are_not_are_the_nearest_that_there_are() {
        let of = |query: &str| {
            let asked = Asked::read(query).unwrap();
            (asked.page_no, asked.page_size)
        };
        assert_eq!(of(""), (1, 20));
        assert_eq!(of("page_no=3&page_size=7"), (3, 7));
        assert_eq!(of("page_no=0&page_size=0"), (1, 1));
        assert_eq!(of("page_no=-5&page_size=-5"), (1, 1));
        assert_eq!(
            of("page_size=101&page_no=99999999999999999999"),
            (u64::MAX, 100)
        );
        for wrong in ["page_no=x", "page_no=", "page_size=1.5", "page_no=-"] {
            assert!(Asked::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn statuses_may_be_repeated_and_unknown_ones_are_nobodys() {
        use Status::*;
        let of = |query: &str| Asked::read(query).unwrap().statuses;
        assert_eq!(of(""), Some(vec![Online, Offline]));
        assert_eq!(
            of("status=unregistered&status=online"),
            Some(vec![Online, Unregistered])
        );
        assert_eq!(of("status=online&status=gone"), Some(vec![Online]));
        assert_eq!(of("status=gone"), None);
    }
}
