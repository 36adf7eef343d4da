/** Injects the `EmbeddedDatabase`, or null when the server runs on PostgreSQL. */
export const EMBEDDED_DATABASE = Symbol('EMBEDDED_DATABASE');
