import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateFoundation1764000000000 implements MigrationInterface {
  name = 'CreateFoundation1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      // ---- tenants and people -------------------------------------------------------------------------------------
      `CREATE TABLE organizations (
        id uuid PRIMARY KEY,
        slug text NOT NULL UNIQUE,
        name text NOT NULL,
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
        enrolment_token_hash bytea UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE TABLE users (
        id uuid PRIMARY KEY,
        email text NOT NULL UNIQUE CHECK (email = lower(email)),
        email_verified boolean NOT NULL DEFAULT false,
        name text,
        password_hash text,
        sign_ins_ended_at timestamptz,
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
        is_platform_administrator boolean NOT NULL DEFAULT false,
        home_organization_id uuid,
        active_organization_id uuid REFERENCES organizations (id) ON DELETE SET NULL,
        last_sign_in_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE INDEX users_active_organization ON users (active_organization_id)`,
      `CREATE TABLE memberships (
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        role text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (organization_id, user_id)
      )`,
      `CREATE INDEX memberships_user ON memberships (user_id)`,
      // Only a member has a home: it ends with the membership, however that ends.
      `ALTER TABLE users ADD CONSTRAINT users_home FOREIGN KEY (home_organization_id, id) REFERENCES memberships (organization_id, user_id)
        ON DELETE SET NULL (home_organization_id) DEFERRABLE INITIALLY DEFERRED`,
      `CREATE TABLE sign_in_sources (
        account_id uuid NOT NULL,
        network_hash bytea NOT NULL,
        last_used_at timestamptz NOT NULL,
        PRIMARY KEY (account_id, network_hash)
      )`,
      `CREATE INDEX sign_in_sources_age ON sign_in_sources (last_used_at)`,
      `CREATE TABLE setup_links (
        id uuid PRIMARY KEY,
        secret_hash bytea NOT NULL UNIQUE,
        expires_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`,

      // ---- what can be asked, and of whom -------------------------------------------------------------------------
      `CREATE TABLE scopes (
        id uuid PRIMARY KEY,
        organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
        name text NOT NULL,
        description text,
        category text,
        is_default boolean NOT NULL DEFAULT false,
        is_sensitive boolean NOT NULL DEFAULT false,
        is_active boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE NULLS NOT DISTINCT (organization_id, name)
      )`,
      `CREATE TABLE resources (
        id uuid PRIMARY KEY,
        organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
        identifier text NOT NULL UNIQUE,
        canonical_identifier text NOT NULL UNIQUE,
        name text NOT NULL,
        kind text NOT NULL DEFAULT 'api' CHECK (kind IN ('api', 'mcp_server')),
        scopes text[] NOT NULL DEFAULT '{}',
        token_format text NOT NULL DEFAULT 'jwt' CHECK (token_format IN ('jwt', 'opaque')),
        signing_algorithm text NOT NULL DEFAULT 'ES256' CHECK (signing_algorithm IN ('ES256', 'RS256')),
        access_token_ttl integer CHECK (access_token_ttl BETWEEN 30 AND 86400),
        is_active boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE INDEX resources_organization ON resources (organization_id, id)`,

      // ---- clients and agents -------------------------------------------------------------------------------------
      `CREATE TABLE clients (
        id text PRIMARY KEY,
        organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
        kind text NOT NULL CHECK (kind IN ('agent', 'application', 'first_party')),
        name text NOT NULL,
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('pending', 'active', 'suspended', 'deactivated')),
        token_endpoint_auth_method text NOT NULL DEFAULT 'client_secret_basic'
          CHECK (token_endpoint_auth_method IN ('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none')),
        grant_types text[] NOT NULL DEFAULT '{}',
        redirect_uris text[] NOT NULL DEFAULT '{}',
        post_logout_redirect_uris text[] NOT NULL DEFAULT '{}',
        jwks jsonb,
        jwks_uri text,
        scopes text[] NOT NULL DEFAULT '{}',
        default_scopes text[] NOT NULL DEFAULT '{}',
        served_resources text[] NOT NULL DEFAULT '{}',
        dpop_bound_access_tokens boolean NOT NULL DEFAULT false,
        require_pushed_authorization_requests boolean NOT NULL DEFAULT false,
        require_pkce boolean NOT NULL DEFAULT true,
        rotate_refresh_tokens boolean NOT NULL DEFAULT true,
        application_type text NOT NULL DEFAULT 'web' CHECK (application_type IN ('web', 'native')),
        client_uri text,
        logo_uri text,
        policy_uri text,
        tos_uri text,
        metadata jsonb NOT NULL DEFAULT '{}',
        version integer NOT NULL DEFAULT 1,
        last_used_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE INDEX clients_organization ON clients (organization_id, id)`,
      `CREATE TABLE client_secrets (
        id uuid PRIMARY KEY,
        client_id text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
        prefix text NOT NULL UNIQUE,
        hash bytea NOT NULL,
        label text,
        last_used_at timestamptz,
        expires_at timestamptz,
        retired_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE INDEX client_secrets_client ON client_secrets (client_id)`,
      `CREATE TABLE agents (
        id uuid PRIMARY KEY,
        client_id text NOT NULL UNIQUE REFERENCES clients (id) ON DELETE CASCADE,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        name text NOT NULL,
        description text,
        status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'active', 'suspended', 'deactivated')),
        owner_user_id uuid REFERENCES users (id) ON DELETE SET NULL,
        owner_email text,
        agent_type text NOT NULL DEFAULT 'autonomous',
        agent_model text,
        agent_version text,
        agent_provider text,
        capabilities text[] NOT NULL DEFAULT '{}',
        trust_level text NOT NULL DEFAULT 'unverified',
        metadata jsonb NOT NULL DEFAULT '{}',
        password_hash text,
        registration_token_hash bytea,
        registration_token_expires_at timestamptz,
        activated_at timestamptz,
        suspended_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE UNIQUE INDEX agents_name ON agents (organization_id, lower(name)) WHERE status <> 'deactivated'`,
      `CREATE INDEX agents_organization ON agents (organization_id, id)`,
      `CREATE INDEX agents_owner ON agents (owner_user_id)`,
      `CREATE UNIQUE INDEX agents_registration_token ON agents (registration_token_hash) WHERE registration_token_hash IS NOT NULL`,

      // ---- what the protocol keeps for a while --------------------------------------------------------------------
      `CREATE TABLE protocol_objects (
        model text NOT NULL,
        id_hash bytea NOT NULL,
        payload jsonb NOT NULL,
        grant_id uuid,
        uid_hash bytea,
        user_code_hash bytea,
        consumed_at timestamptz,
        expires_at timestamptz,
        PRIMARY KEY (model, id_hash)
      )`,
      `CREATE INDEX protocol_objects_grant ON protocol_objects (grant_id) WHERE grant_id IS NOT NULL`,
      `CREATE INDEX protocol_objects_uid ON protocol_objects (uid_hash) WHERE uid_hash IS NOT NULL`,
      `CREATE INDEX protocol_objects_user_code ON protocol_objects (user_code_hash) WHERE user_code_hash IS NOT NULL`,
      `CREATE INDEX protocol_objects_expiry ON protocol_objects (expires_at)`,
      `CREATE TABLE single_uses (id_hash bytea PRIMARY KEY, expires_at timestamptz NOT NULL)`,
      `CREATE INDEX single_uses_expiry ON single_uses (expires_at)`,
      `CREATE TABLE refresh_replays (
        id_hash bytea PRIMARY KEY,
        client_id text NOT NULL,
        sealed_response bytea NOT NULL,
        expires_at timestamptz NOT NULL
      )`,
      `CREATE INDEX refresh_replays_expiry ON refresh_replays (expires_at)`,

      // ---- consent and tokens -------------------------------------------------------------------------------------
      `CREATE TABLE consent_grants (
        id uuid PRIMARY KEY,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        client_id text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        payload jsonb NOT NULL,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE INDEX consent_grants_user ON consent_grants (user_id, client_id)`,
      `CREATE INDEX consent_grants_organization ON consent_grants (organization_id)`,
      `CREATE INDEX consent_grants_client ON consent_grants (client_id)`,
      `CREATE INDEX consent_grants_end ON consent_grants (least(revoked_at, expires_at))`,
      `CREATE TABLE tokens (
        token_id uuid NOT NULL,
        kind text NOT NULL CHECK (kind IN ('access_token', 'refresh_token')),
        format text NOT NULL CHECK (format IN ('jwt', 'opaque')),
        grant_type text NOT NULL,
        organization_id uuid NOT NULL,
        client_id text NOT NULL,
        subject text NOT NULL,
        user_id uuid,
        agent_id uuid,
        audience text,
        scope text NOT NULL DEFAULT '',
        task_id uuid NOT NULL,
        parent_task_id uuid,
        parent_token_id uuid,
        root_token_id uuid NOT NULL,
        ancestors uuid[],
        consent_grant_id uuid,
        delegation_grant_id uuid,
        act jsonb,
        cnf jsonb,
        opaque_hash bytea,
        claims jsonb,
        authenticated_at timestamptz,
        issued_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        PRIMARY KEY (token_id)
      ) PARTITION BY RANGE (token_id)`,
      `CREATE INDEX tokens_parent ON tokens (parent_token_id) WHERE parent_token_id IS NOT NULL`,
      `CREATE INDEX tokens_root ON tokens (root_token_id) WHERE parent_token_id IS NOT NULL`,
      `CREATE INDEX tokens_consent_grant ON tokens (consent_grant_id) WHERE consent_grant_id IS NOT NULL`,
      `CREATE INDEX tokens_opaque ON tokens (opaque_hash) WHERE opaque_hash IS NOT NULL`,
      `CREATE INDEX tokens_organization ON tokens (organization_id, token_id)`,

      // ---- the audit log ------------------------------------------------------------------------------------------
      `CREATE TABLE audit_events (
        sequence bigint PRIMARY KEY,
        event_id uuid NOT NULL,
        organization_id uuid,
        type text NOT NULL,
        outcome text NOT NULL,
        occurred_at timestamptz NOT NULL,
        body text NOT NULL,
        leaf_hash bytea NOT NULL
      )`,
      `CREATE INDEX audit_events_organization ON audit_events (organization_id, sequence)`,
      `CREATE TABLE audit_heads (
        log text PRIMARY KEY,
        size bigint NOT NULL,
        frontier text[] NOT NULL
      )`,
      `INSERT INTO audit_heads (log, size, frontier) VALUES ('main', 0, '{}')`,
      `CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'restrict_violation'; END $$`,
      `CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`,

      // ---- keys ---------------------------------------------------------------------------------------------------
      `CREATE TABLE signing_keys (
        kid text PRIMARY KEY,
        algorithm text NOT NULL CHECK (algorithm IN ('ES256', 'RS256')),
        public_jwk jsonb NOT NULL,
        sealed_private_key bytea NOT NULL,
        published_at timestamptz NOT NULL,
        activates_at timestamptz NOT NULL,
        superseded_at timestamptz,
        retires_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now()
      )`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP CONSTRAINT users_home');
    for (const table of [
      'signing_keys', 'audit_heads', 'audit_events', 'tokens', 'consent_grants', 'refresh_replays', 'single_uses', 'protocol_objects', 'agents',
      'client_secrets', 'clients', 'resources', 'scopes', 'setup_links', 'sign_in_sources', 'memberships', 'users',
      'organizations',
    ]) await runner.query(`DROP TABLE ${table}`);
    await runner.query('DROP FUNCTION refuse_audit_change()');
  }
}
