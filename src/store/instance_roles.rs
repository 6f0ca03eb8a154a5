//! Roles that instances have told.

use chrono::{DateTime, Utc};
use rusqlite::named_params;

use super::{Store, StoreError, millis};

/// A role of an instance. It is kept for the instance's own clients; no chat reads it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// What a model shall be told.
    pub system_prompt: Option<String>,
    /// Address of a picture.
    pub icon: Option<String>,
    /// Whether it may be chosen.
    pub is_active: bool,
    /// Whether it looks into the first level of memory.
    pub enable_l0_retrieval: bool,
    /// Whether it looks into the second level of memory.
    pub enable_l1_retrieval: bool,
}

impl Store {
    /// The roles of an instance, by id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn roles(&self, instance: &str) -> Result<Vec<RoleRow>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, description, system_prompt, icon, is_active, enable_l0_retrieval, enable_l1_retrieval
                     FROM instance_roles WHERE instance = ?1 ORDER BY id",
                )?
                .query_map([instance], |row| {
                    Ok(RoleRow {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        description: row.get(2)?,
                        system_prompt: row.get(3)?,
                        icon: row.get(4)?,
                        is_active: row.get(5)?,
                        enable_l0_retrieval: row.get(6)?,
                        enable_l1_retrieval: row.get(7)?,
                    })
                })?
                .collect()
        })
    }

    /// Keeps a role of an instance that is registered; the same id replaces it. `most`: how many it may have, and of how many
    /// bytes together. `None`: there is no such instance; `Some(false)`: it has as many.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn put_role(
        &self,
        instance: String,
        role: RoleRow,
        (most, most_bytes): (u32, u32),
        now: DateTime<Utc>,
    ) -> Result<Option<bool>, StoreError> {
        self.write(move |connection| {
            let is_there = connection
                .prepare_cached("SELECT 1 FROM instances WHERE id = ?1 AND status <> 'unregistered'")?
                .exists([&instance])?;
            if !is_there {
                return Ok(None);
            }
            let (others, bytes): (u32, i64) = connection
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(octet_length(id) + octet_length(name) + coalesce(octet_length(description), 0)
                       + coalesce(octet_length(system_prompt), 0) + coalesce(octet_length(icon), 0)), 0)
                     FROM instance_roles WHERE instance = ?1 AND id <> ?2",
                )?
                .query_row((&instance, &role.id), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let told = [&role.description, &role.system_prompt, &role.icon];
            let told = told.into_iter().flatten().chain([&role.id, &role.name]);
            let all = told.map(|text| text.len() as u64).sum::<u64>() + bytes.unsigned_abs();
            if others >= most || all > most_bytes.into() {
                return Ok(Some(false));
            }
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO instance_roles (instance, id, name, description, system_prompt, icon,
                       is_active, enable_l0_retrieval, enable_l1_retrieval, updated_at)
                     VALUES (:instance, :id, :name, :description, :system_prompt, :icon, :is_active, :l0, :l1, :now)",
                )?
                .execute(named_params! {
                    ":instance": instance, ":id": role.id, ":name": role.name, ":description": role.description,
                    ":system_prompt": role.system_prompt, ":icon": role.icon, ":is_active": role.is_active,
                    ":l0": role.enable_l0_retrieval, ":l1": role.enable_l1_retrieval, ":now": millis(now),
                })?;
            Ok(Some(true))
        })
        .await
    }
}
