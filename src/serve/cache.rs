//! Built pages, and when they are built anew: when something changed, not sooner than a second after the last look, and not
//! before ten times as long as the last build took, so that showing takes little from training.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Trouble;
use super::policy::{Role, policy};

/// Pages kept at most.
const KEPT: usize = 8;
/// Time between two looks at the store for the same page.
const PAUSE: Duration = Duration::from_secs(1);
/// How many times as long as a build took nothing is built after it.
const REST: u32 = 10;

/// A report that is built.
#[derive(Debug, Clone)]
pub struct Page {
    /// Changes with the content.
    pub version: String,
    pub(super) html: Arc<[u8]>,
    pub(super) policy: Arc<str>,
}

impl Page {
    fn new(version: String, html: String) -> Self {
        Self {
            version,
            policy: policy(&html, Role::Report).into(),
            html: html.into_bytes().into(),
        }
    }
}

/// One sweep's page and the time from which on the store is looked at again.
#[derive(Debug, Default)]
struct Shelf {
    page: Option<Page>,
    due: Duration,
}

/// The pages shown last, the newest first. Several threads may ask; each page is built by one of them.
#[derive(Debug, Default)]
pub struct Cache(Mutex<Vec<Kept>>);

/// A sweep's id and its place.
type Kept = (String, Arc<Mutex<Shelf>>);

impl Cache {
    /// The page of a sweep. `sign` says what it would be made from now, `build` makes it and says what it was made from, and
    /// `clock` is the time since some moment.
    ///
    /// # Errors
    /// Those of `sign` and `build`.
    pub fn page(
        &self,
        id: &str,
        clock: &dyn Fn() -> Duration,
        sign: impl FnOnce() -> Result<String, Trouble>,
        build: impl FnOnce() -> Result<(String, String), Trouble>,
    ) -> Result<Page, Trouble> {
        let shelf = self.shelf(id);
        let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = clock();
        if let Some(page) = shelf.page.as_ref().filter(|_| begun < shelf.due) {
            return Ok(page.clone());
        }
        if let Some(page) = shelf.page.clone()
            && page.version == sign()?
        {
            shelf.due = begun + PAUSE;
            return Ok(page);
        }
        let built = build();
        if built.is_err() && (shelf.page.is_none() || matches!(built, Err(Trouble::Unknown))) {
            self.forget(id);
        }
        let (version, html) = built?;
        let page = Page::new(version, html);
        let ended = clock();
        shelf.due = ended + PAUSE.max(ended.saturating_sub(begun) * REST);
        shelf.page = Some(page.clone());
        self.lock().truncate(KEPT);
        Ok(page)
    }

    /// The place of a page, which becomes the newest.
    fn shelf(&self, id: &str) -> Arc<Mutex<Shelf>> {
        let mut shelves = self.lock();
        let known = shelves.iter().position(|(of, _)| of == id);
        let (of, shelf) = known.map_or_else(|| (id.to_owned(), Arc::default()), |at| shelves.remove(at));
        shelves.insert(0, (of, Arc::clone(&shelf)));
        shelf
    }

    /// Gives a place back that no page has.
    fn forget(&self, id: &str) {
        self.lock().retain(|(of, _)| of != id);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A store that changes, a clock, and a count of looks and builds.
    #[derive(Default)]
    struct World {
        now: Cell<Duration>,
        state: Cell<u32>,
        cost: Cell<Duration>,
        looks: Cell<u32>,
        builds: Cell<u32>,
        cache: Cache,
    }

    impl World {
        fn ask(&self) -> String {
            let sign = || {
                self.looks.set(self.looks.get() + 1);
                Ok(self.state.get().to_string())
            };
            let build = || {
                self.builds.set(self.builds.get() + 1);
                self.now.set(self.now.get() + self.cost.get());
                let state = self.state.get().to_string();
                Ok((state.clone(), format!("<main>{state}</main>")))
            };
            let page = self.cache.page("s1", &|| self.now.get(), sign, build).unwrap();
            assert_eq!(*page.html, *format!("<main>{}</main>", page.version).as_bytes());
            page.version
        }

        fn pass(&self, time: Duration) {
            self.now.set(self.now.get() + time);
        }
    }

    #[test]
    fn a_page_is_built_when_something_changed_and_at_most_every_second() {
        let world = World::default();
        assert_eq!((world.ask().as_str(), world.builds.get()), ("0", 1));
        world.state.set(1);
        world.pass(SECOND / 2);
        assert_eq!((world.ask().as_str(), world.looks.get()), ("0", 0), "within the second");
        world.pass(SECOND / 2);
        assert_eq!((world.ask().as_str(), world.builds.get()), ("1", 2));
        for _ in 0..20 {
            world.pass(SECOND / 4);
            world.ask();
        }
        assert_eq!(world.builds.get(), 2, "nothing changed");
        assert_eq!(world.looks.get(), 1 + 5, "a look every second");
    }

    #[test]
    fn a_slow_build_is_followed_by_a_long_rest() {
        let world = World::default();
        world.cost.set(3 * SECOND);
        world.ask();
        world.state.set(1);
        world.pass(29 * SECOND);
        assert_eq!(world.ask(), "0");
        world.pass(SECOND);
        assert_eq!(world.ask(), "1");
    }

    #[test]
    fn few_pages_are_kept_and_none_of_unknown_sweeps() {
        let cache = Cache::default();
        let get = |id: &str, found: bool| {
            let build = || match found {
                true => Ok((id.to_owned(), String::new())),
                false => Err(Trouble::Unknown),
            };
            cache.page(id, &|| Duration::ZERO, || Ok(id.to_owned()), build)
        };
        for i in 0..20 {
            assert_eq!(get(&i.to_string(), true).unwrap().version, i.to_string());
            assert_eq!(get("nothing", false).unwrap_err(), Trouble::Unknown);
        }
        let kept: Vec<String> = cache.0.lock().unwrap().iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(kept.len(), KEPT);
        assert!(kept.contains(&"19".to_string()) && !kept.contains(&"nothing".to_string()));
    }
}
