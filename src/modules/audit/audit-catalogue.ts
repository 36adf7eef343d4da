import {
  ASKED_SCOPE, ASSIGNMENT, BOTH, CHANGED, CLIENT_ID, COUNT, DECISION, ENDED, ENDED_BY_SWITCH, ERROR_CODE, INSTALLATION, KEY, OF_POLICIES, OF_REQUEST, POLICY, PROBLEMS, PROTOCOL_LOG, REFUSED, RESERVATION, SCOPE, SECRET, STREAM, SUCCESS, TOOL, UNUSED, UNUSED_SINCE,
  type AuditEventEntry,
} from './audit-catalogue-terms.js';

export type { AuditEventEntry } from './audit-catalogue-terms.js';

/**
 * The closed catalogue of what is recorded, by group. A new kind of fact is a new entry here; `docs/audit-events.md` is made of it.
 * Nothing of it is needed to record an event, so the server does not load it.
 */
export const AUDIT_CATALOGUE = {
  'Sign-in and people': {
    'user.signed_in': {
      when: 'Somebody proved on the sign-in page who they are. Going on in a browser session that is still open is no sign-in.', outcomes: SUCCESS, target: ['user'],
      log: 'The organization where the person works: the one they chose last, else the one they joined first; the installation’s if they are in none.',
    },
    'user.sign_in_refused': {
      when: 'Somebody tried to sign in and was turned away. Only where somebody has the address is there a `target`. Of those that are `throttled`, for one account and from one network, the first is an event; those that follow within a minute are counted, and another event says how many there were.', outcomes: REFUSED, target: ['user'],
      log: 'As of `user.signed_in`; the installation’s where nobody has the address.',
      reason: '`invalid_credentials`, also for an address that nobody has; `account_disabled`, though the password was right; `throttled` after too many tries. The answer does not tell the first two apart.',
      details: { account: 'Only where nobody has the address: a pseudonym, the same for the same address. The address itself is not kept, since people type passwords into the wrong field.', count: `Only of \`throttled\`. ${COUNT}` },
    },
    'user.signed_out': { when: 'Somebody ended their browser session at the end session endpoint.', outcomes: SUCCESS, log: INSTALLATION },
    'user.created': {
      when: 'An administrator made an account for somebody who had none; `membership.added` follows in the organization’s log.', outcomes: SUCCESS, target: ['user'],
      log: 'The installation’s: whether somebody had an account already is not for the organization to know.',
    },
    'user.updated': {
      when: 'Somebody’s name was changed, by themselves or by an administrator.', outcomes: SUCCESS, target: ['user'],
      log: 'The organization of the token that did it; the installation’s where the person is not in that organization.',
    },
    'user.disabled': {
      when: 'An account was disabled: the person cannot sign in, and every session and token of theirs has ended.', outcomes: SUCCESS, target: ['user'], log: 'As of `user.updated`.',
      details: { ended: ENDED },
    },
    'user.enabled': { when: 'A disabled account was enabled. What ended when it was disabled stays over.', outcomes: SUCCESS, target: ['user'], log: 'As of `user.updated`.' },
    'user.password_changed': {
      when: 'A password was changed by its owner (`actor.id` is `target.id`) or set by an administrator. Every session and token of the person has ended.', outcomes: SUCCESS, target: ['user'],
      log: 'As of `user.updated`.',
    },
    'user.deleted': { when: 'An account was deleted with the last membership of its owner, or by a platform administrator.', outcomes: SUCCESS, target: ['user'], log: INSTALLATION },
  },
  'Organizations': {
    'organization.created': {
      when: 'An organization was made.', outcomes: SUCCESS, target: ['organization'], log: 'The new organization.',
      details: { slug: 'Its name in addresses.', owner_user_id: 'Who owns it, if a person was named.' },
    },
    'organization.updated': {
      when: 'An organization was renamed, suspended or resumed. While it is suspended nothing of it works.', outcomes: SUCCESS, target: ['organization'], log: 'The organization that was changed.',
      details: { changed: CHANGED, status: '`active` or `suspended`, after this.', audit_retention_days: 'For how many days the texts of its events are kept, after this; null as the installation has it.' },
    },
    'organization.deleted': {
      when: 'An organization was deleted with everything in it; the accounts of its people stay.', outcomes: SUCCESS, target: ['organization'], log: 'The organization that is gone.',
    },
    'organization.switched': {
      when: 'Somebody went on in another organization and got a token there; its `token.issued` follows.', outcomes: SUCCESS, target: ['organization'], log: 'The organization that they went to.',
    },
    'organization.enrolment_token_issued': {
      when: 'An enrolment token was made, with which agents register themselves. One that was there before has ended.', outcomes: SUCCESS, target: ['organization'],
    },
    'organization.enrolment_token_withdrawn': { when: 'The enrolment token was withdrawn.', outcomes: SUCCESS, target: ['organization'] },
    'membership.added': { when: 'Somebody became a member.', outcomes: SUCCESS, target: ['user'], details: { role: 'Their role.' } },
    'membership.changed': { when: 'A member got another role.', outcomes: SUCCESS, target: ['user'], details: { role: 'The new role.', former_role: 'The role before.' } },
    'membership.removed': {
      when: 'A membership ended, by an administrator or because the person left (`actor.id` is `target.id`). What the person got there no longer works.', outcomes: SUCCESS, target: ['user'],
      details: { role: 'The role that ended.' },
    },
  },
  'Agents and clients': {
    'agent.registered': {
      when: 'An agent was registered: by somebody who may, or by itself, and then the actor is `anonymous`.', outcomes: SUCCESS, target: ['agent'],
      details: {
        name: 'Its name.', status: '`pending` until it activates itself, or `active` at once.', scopes: 'What it may have; a list.', grant_types: 'How it may get tokens; a list.',
        token_endpoint_auth_method: 'How it proves itself.', registered_by: 'Only if it registered itself: `enrolment_token` or `open_registration`.',
        requested_scopes: 'Only if it registered itself: what it asked for and did not get; a list.', requested_tools: 'Likewise: ids of tools.',
      },
    },
    'agent.activated': { when: 'An agent activated itself with its registration token.', outcomes: SUCCESS, target: ['agent'], details: { name: 'Its name.' } },
    'agent.updated': {
      when: 'What is known of an agent, or what it may do, was changed. Scopes for an agent that registered itself are its approval.', outcomes: SUCCESS, target: ['agent'],
      details: {
        name: 'Its name after this.', changed: CHANGED, scopes: 'What it may have after this; a list.', trust_level: 'Likewise.', owner_user_id: 'The person who owns it after this.',
        redirect_uris: 'Where people who let it act may be sent back, after this; a list.',
      },
    },
    'agent.suspended': {
      when: 'An agent was suspended: none of its tokens works and it gets no new one.', outcomes: SUCCESS, target: ['agent'],
      details: { name: 'Its name.', former_status: '`pending` or `active`.', ended: `${ENDED} Only if it was active.` },
    },
    'agent.resumed': { when: 'A suspended agent may go on.', outcomes: SUCCESS, target: ['agent'], details: { name: 'Its name.', former_status: '`suspended`.' } },
    'agent.deactivated': {
      when: 'An agent was ended for good.', outcomes: SUCCESS, target: ['agent'], reason: UNUSED,
      details: { name: 'Its name, which is free again.', unused_since: UNUSED_SINCE, former_status: '`pending`, `active` or `suspended`.', ended: `${ENDED} Only if it was active.` },
    },
    'agent.password_changed': {
      when: 'An agent changed its own password. Every token that the old one got has ended.', outcomes: SUCCESS, target: ['agent'], details: { ended_tokens: 'How many of them were still standing.' },
    },
    'agent.tool_assigned': { when: 'An agent was given a tool, when it was registered or later.', outcomes: SUCCESS, target: ['agent'], details: ASSIGNMENT },
    'agent.tool_removed': { when: 'A tool was taken away from an agent.', outcomes: SUCCESS, target: ['agent'], details: ASSIGNMENT },
    'client.registered': {
      when: 'An application was registered. (Agents are clients too, and have `agent.registered` instead.)', outcomes: SUCCESS, target: ['client'],
      details: {
        name: 'Its name.', scopes: 'What it may have; a list.', grant_types: 'How it may get tokens; a list.', redirect_uris: 'Where people may be sent back; a list.',
        token_endpoint_auth_method: 'How it proves itself.',
      },
    },
    'client.updated': {
      when: 'An application was changed.', outcomes: SUCCESS, target: ['client'],
      details: { changed: CHANGED, scopes: 'What it may have after this; a list.', redirect_uris: 'Where people may be sent back, after this; a list.' },
    },
    'client.deleted': { when: 'An application was ended for good, with all its tokens. Its row stays, because the ledger speaks of it.', outcomes: SUCCESS, target: ['client'], reason: UNUSED, details: { name: 'Its name.', unused_since: UNUSED_SINCE } },
    'client.secret_added': { when: 'An application or an agent got another secret.', outcomes: SUCCESS, target: ['client', 'agent'], details: SECRET },
    'client.secret_retired': { when: 'A secret of an application or an agent stopped working.', outcomes: SUCCESS, target: ['client', 'agent'], details: { secret_id: SECRET.secret_id } },
  },
  'Scopes, resources and tools': {
    'scope.created': { when: 'An organization defined a scope.', outcomes: SUCCESS, target: ['scope'], details: { name: 'Its name.' } },
    'scope.updated': { when: 'A scope was changed.', outcomes: SUCCESS, target: ['scope'], details: { name: 'Its name.', changed: CHANGED } },
    'scope.deleted': { when: 'A scope was deleted: no token gets it any more, and none that has it is honoured for it.', outcomes: SUCCESS, target: ['scope'], details: { name: 'Its name.' } },
    'scope_file.loaded': {
      when: 'The operator’s scopes file was taken in, and changed something.', outcomes: SUCCESS, log: INSTALLATION,
      details: {
        file: 'Its path.', scopes: 'How many scopes it defines.', defined: 'Names of those that are new or changed; the first ones.', defined_count: 'How many those are.',
        ended: 'Names of those that are no longer active; the first ones.', ended_count: 'How many those are.',
      },
    },
    'scope_file.refused': {
      when: 'The operator’s scopes file cannot be used, and the scopes before it go on.', outcomes: REFUSED, log: INSTALLATION, reason: '`scope_file_invalid`.',
      details: { file: 'Its path.', problems: PROBLEMS, problem_count: 'How many there are.' },
    },
    'resource.created': { when: 'An API for which tokens can be issued was registered.', outcomes: SUCCESS, target: ['resource'], details: { identifier: 'Its identifier, the `aud` of its tokens.' } },
    'resource.updated': { when: 'A resource was changed.', outcomes: SUCCESS, target: ['resource'], details: { identifier: 'Its identifier.', changed: CHANGED } },
    'resource.deleted': {
      when: 'A resource was deleted.', outcomes: SUCCESS, target: ['resource'],
      details: { identifier: 'Its identifier.', built_in: '`true` when the server took it at its start, because its own address is that identifier now.' },
    },
    'tool.created': {
      when: 'A tool was registered.', outcomes: SUCCESS, target: ['tool'],
      details: { ...TOOL, permissions_required: 'Scopes that a token needs for it; a list.', resource: 'Identifier of the resource that offers it; null for any.' },
    },
    'tool.updated': {
      when: 'A tool was changed.', outcomes: SUCCESS, target: ['tool'],
      details: { ...TOOL, changed: CHANGED, permissions_required: 'Scopes that a token needs for it after this; a list.', resource: 'Identifier of the resource that offers it after this; null for any.' },
    },
    'tool.deleted': { when: 'A tool was deleted, and taken away from every agent that had it.', outcomes: SUCCESS, target: ['tool'], details: TOOL },
    'tool.activated': { when: 'A tool that was off can be used again.', outcomes: SUCCESS, target: ['tool'], details: TOOL },
    'tool.deactivated': { when: 'A tool was switched off: no token gets it.', outcomes: SUCCESS, target: ['tool'], details: TOOL },
    'tool.checked': {
      when: 'Somebody who was asked to run a tool asked whether the token that came with the call allows it. `target.id` is the name of the tool, `task_id` and `subject` are those of the token that was checked, and `token_id` is the token of whoever asks.', outcomes: BOTH, target: ['tool'],
      log: 'The organization of whoever asks.',
      reason: 'Of a refusal the code of the answer: `policy_denied`, `tool_not_allowed`, `scope_not_covered`, `resource_mismatch`, `tool_arguments_invalid`, `lineage_mismatch`, `presented_token_invalid`, `ancestor_token_invalid`, `action_not_allowed` or `limit_exhausted`.',
      details: {
        checked_token_id: 'The token that was checked, where it was one.', client_id: 'The client of that token.', decision: 'Where the policies were asked: `id` of the decision and `policies`, the ids of those that decided.',
        reasons: 'Of a refusal: why, in codes; a list.', cost_micros: 'What the call counts with, beside one request; millionths of a US dollar.',
        reservation_id: 'The reservation that was made for it, or that its idempotency key stands for.',
      },
    },
  },
  'Policies and decisions': {
    'policy.created': { when: 'An organization made a policy.', outcomes: SUCCESS, target: ['policy'], details: POLICY },
    'policy.updated': { when: 'A policy was changed.', outcomes: SUCCESS, target: ['policy'], details: { ...POLICY, changed: CHANGED } },
    'policy.deleted': { when: 'A policy was deleted and decides nothing from now on.', outcomes: SUCCESS, target: ['policy'], details: { ...POLICY, is_enabled: 'Whether it decided until now.', version: 'Its last version.' } },
    'policy.restored': {
      when: 'A policy was made again what it was in one of its versions.', outcomes: SUCCESS, target: ['policy'], details: { ...POLICY, restored_version: 'The version that it is like.' },
    },
    'policy_set.loaded': {
      when: 'The policies of the installation changed: those that this node found in the folder are in force from now on. `target.id` is their version. Each node records it for itself, at every start and when the folder changes.', outcomes: SUCCESS,
      target: ['policy_set'], log: INSTALLATION,
      details: { source: '`directory`, or `built_in` where there is no folder.', policies: 'Names of the policies; a list.' },
    },
    'policy_set.refused': {
      when: 'Policies cannot be used, and the last good ones stay in force; where there are none, nothing is allowed. Those of the folder have the target `policy_set`, with the version that stays; those of an organization the target `policy`, the first that is wrong.',
      outcomes: REFUSED, target: ['policy_set', 'policy'], log: 'The installation’s for the folder; else the organization.',
      details: { problems: PROBLEMS, problem_count: 'How many there are. Only of the folder.', version: 'Of the set that is refused. Only of an organization.' },
    },
    'decision.made': {
      when: 'Somebody asked over AuthZEN, or in a check of policies, whether something is allowed. Decisions that the server acts on itself are in the event of what it did or refused. `target` is the resource of the question, of whatever kind.',
      outcomes: BOTH, target: ['*'], reason: '`allowed`, `denied_by_policy`, `not_allowed` where no policy allows it, `policy_error` or `policies_unavailable`; `action_not_allowed` or `limit_exhausted` where a limit stands against what the policies allow.',
      details: {
        decision: 'What was decided: `id`, `policies` (ids of those that decided), `is_allowed`, `reason`, `version` of the set of policies, and `request`, the whole question with secrets hidden; a question that is too large is left out.',
      },
    },
    'decision.searched': {
      when: 'Somebody searched over AuthZEN who may do something, or what. `target.id` is what was looked for: `subject`, `resource` or `action`.', outcomes: SUCCESS, target: ['search'],
      details: { request: 'The question, secrets hidden.', found: 'How many were found, on this page.' },
    },
  },
  'Limits and usage': {
    'limits.changed': {
      when: 'What an organization, an agent or a task may use was limited, or limited otherwise, or no longer. (Limits of a delegation are part of it.)', outcomes: SUCCESS, target: ['organization', 'agent', 'task'],
      details: {
        requests_per_hour: 'After this; null for any number.', cost_budget_usd: 'After this; null for any amount.', cost_period: 'What the budget is for, after this: `day`, `month` or `lifetime`.',
        allowed_actions: 'Names of the only actions that are allowed, after this; null for any.', former: 'The same four before this; null where nothing was limited.',
      },
    },
    'limit.threshold_reached': {
      when: 'So much of a limit is reserved or used as the operator wants to be told of (`LEGATE_LIMIT_ALERTS`): once in each of its windows. The actor is whoever used the last of it.', outcomes: SUCCESS,
      target: ['organization', 'agent', 'task', 'delegation'],
      details: {
        limit: '`requests_per_hour` or `cost_budget_usd`.', period: '`hour`, `day`, `month` or `lifetime`.', window_start: 'When the window began; RFC 3339. Missing of a lifetime.', threshold: 'What was reached, in per cent of the limit.',
        taken: 'How much is reserved or used: requests, or millionths of a US dollar.', bound: 'The limit, likewise.',
      },
    },
    'usage.reported': {
      when: 'Usage of an agent was reported that had not been reserved. (What a call of a tool uses at once stands in `tool.checked`.)', outcomes: SUCCESS, target: ['agent'],
      details: { requests: 'How many.', cost_micros: 'What it cost; millionths of a US dollar.', action: 'What was done, if the report says so.' },
    },
    'usage.reserved': {
      when: 'Usage was reserved: taken from every limit above the token, until it is committed or released. A request that is repeated with its idempotency key reserves nothing, and has no event.', outcomes: SUCCESS, target: ['reservation'],
      details: { ...RESERVATION, expires_at: 'When it is released by itself; RFC 3339.' },
    },
    'usage.committed': {
      when: 'What was reserved was used: as much, less or more.', outcomes: SUCCESS, target: ['reservation'],
      details: { ...RESERVATION, requests: 'How many were used.', cost_micros: 'What it cost; millionths of a US dollar.', reserved_requests: 'How many had been reserved.', reserved_cost_micros: 'What had been reserved; millionths of a US dollar.' },
    },
    'usage.released': { when: 'What was reserved was given back.', outcomes: SUCCESS, target: ['reservation'], details: RESERVATION },
    'usage.expired': { when: 'What was reserved and neither committed nor released in time was given back by the server.', outcomes: SUCCESS, target: ['reservation'], details: RESERVATION },
  },
  'Delegation, tasks and consent': {
    'delegation.created': {
      when: 'Authority was delegated to an agent, or handed on by one. (What a person agrees to on the consent page is `consent.granted`.)', outcomes: SUCCESS, target: ['delegation'],
      details: {
        agent_id: 'The agent that may act.', origin: '`principal`, who delegated it themselves; `administrator`, who did it for them; `delegate`, an agent that handed it on.', principal: 'Who delegates: `kind` and `id`.',
        parent_grant_id: 'The delegation that is handed on; null for the first.', scope: SCOPE, tools: 'Names of tools; null for any.', resources: 'Identifiers of resources; null for any.',
        purpose: 'What for, in words.', max_depth: 'How often it may be handed on.', max_uses: 'How many tokens it is good for; null for any number.',
        requests_per_hour: 'How many calls may be made by it in an hour; null for any number.', cost_budget_usd: 'What may be spent by it; null for any amount.',
        allowed_actions: 'Names of the only actions that it allows; null for any.', expires_at: 'When it ends; RFC 3339.',
        decision: DECISION, depth: 'How many agents there are from the first principal to this one.',
      },
    },
    'delegation.revoked': {
      when: 'A delegation was ended, with all that was handed on and issued by it.', outcomes: SUCCESS, target: ['delegation'], details: { agent_id: 'The agent that could act.', ended: ENDED },
    },
    'task.completed': { when: 'A task was completed: nothing more is issued in it, and what was issued goes on until it expires.', outcomes: SUCCESS, target: ['task'], details: { client_id: 'The client that began it.' } },
    'task.cancelled': {
      when: 'A task was cancelled, and everything that was issued in it and below it has ended.', outcomes: SUCCESS, target: ['task'],
      details: { client_id: 'The client that began it.', ended: 'How much that was alive ended with it, by kind, such as `{"tokens": 12, "tasks": 3}`.' },
    },
    'consent.granted': {
      when: 'A person agreed to what a client asked for, or to more than before.', outcomes: SUCCESS, target: ['consent'], log: 'The organization that the person acts in.',
      details: {
        client_id: CLIENT_ID, scope: `${SCOPE} All that they agree to now.`, delegation_grant_id: 'The delegation that it is, where an agent acts for the person by it; else null.',
        actor_id: 'The agent that acts, where that is not the client.',
      },
    },
    'consent.refused': {
      when: 'A person refused what a client asked for, or may not agree to it. The client is told `access_denied`.', outcomes: REFUSED, target: ['client'],
      log: 'The organization that the person acts in; that of the client where they do not belong to it.',
      reason: '`denied_by_person`, `not_permitted` where their role allows nothing of it, or `not_a_member` of the organization of the client.',
      details: { scope: ASKED_SCOPE },
    },
    'consent.revoked': {
      when: 'A consent ended before its time, with every token that stands on it.', outcomes: SUCCESS, target: ['consent'], log: 'The organization that the person acted in.',
      reason: '`taken_back` by the person; `narrowed`, when they agreed to less instead; `refresh_token_revoked` by its client or over the REST API; `signed_out`, when the person signed out of a client that may not go on without them; `token_reused`, when a code or refresh token was used twice, which is a sign of theft.',
      details: { client_id: CLIENT_ID, ended: ENDED, scope: `${SCOPE} What they agree to instead; only of \`narrowed\`.` },
    },
  },
  'Tokens': {
    'token.issued': {
      when: 'A token was issued. The event and the token come to be in one transaction, or neither does.', outcomes: SUCCESS, target: ['access_token', 'refresh_token'],
      details: {
        grant_type: 'How it was got: the OAuth grant type, or one of this server’s own: `agent_password`, `agent_token`, `token_renewal`, `organization_switch`.', audience: 'Identifier of the resource that it is for.', scope: SCOPE,
        expires_at: 'When it expires; seconds since the epoch.', parent_token_id: 'The token that it descends from.', consent_grant_id: 'The consent that it stands on.',
        delegation_grant_id: 'The delegation that it stands on.', tools: 'Names of the tools in it; a list.', instance_id: 'Which instance of the agent, as it says.',
        launch_reason: 'Why the agent was started, as it says.', purpose: 'What for, as the delegation or the request says.', parent_task_id: 'The task that its task belongs to.',
        acr: 'How the person proved who they are.', decision: DECISION,
      },
    },
    'token.refused': {
      when: 'The token endpoint, or the sign-in of agents, issued nothing. Only at the latter is there a `target`, where the agent is known. (Other routes of the REST API that issue tokens refuse as `access.refused` or `request.refused`.)', outcomes: REFUSED, target: ['agent', 'client'], log: `${PROTOCOL_LOG} At the sign-in of agents also the organization of the agent that was named.`,
      reason: `${ERROR_CODE} At the sign-in of agents the \`code\`. \`policies_unavailable\`, of every route that issues tokens, when the policies could not be read: nothing was decided, and the answer was 503.`,
      details: { ...OF_REQUEST, ...OF_POLICIES, account: 'At the sign-in of agents, where no agent has the name: a pseudonym, the same for the same name.', count: `At the sign-in of agents, only of \`too_many_sign_ins\`: these are counted as of \`user.sign_in_refused\`. ${COUNT}` },
    },
    'token.revoked': {
      when: 'A token was revoked, by its client at the revocation endpoint or by somebody over the REST API. What descends from it is dead as well. (Of a refresh token at the revocation endpoint the whole consent ends: `consent.revoked`.)', outcomes: SUCCESS, target: ['token'],
      details: { ended: 'How many live tokens ended below it, such as `{"tokens": 12}`.' },
    },
  },
  'Kill switches': {
    'kill_switch.used': {
      when: 'Somebody ended an agent, a task, a person, an organization, or everything that was issued before a moment, with everything below. One event tells all of it: there is no `agent.suspended`, `task.cancelled`, `user.disabled` or `consent.revoked` beside it. Of the past of the whole installation there is no `target`.',
      outcomes: SUCCESS, target: ['agent', 'task', 'user', 'organization', 'client'],
      log: 'The organization of what was ended; the installation’s for the past of all organizations, and for a person who is not in the organization of the token that did it.',
      details: {
        switch: '`agent`, `task`, `user`, `organization` or `issued_before`.', name: 'What the thing is called, if it has a name.', because: 'Why, as whoever did it says.',
        client_id: 'Of `issued_before`: the client whose tokens ended.', before: 'Of `issued_before`: the moment; RFC 3339.', ended: ENDED_BY_SWITCH,
      },
    },
    'tokens.revoked': {
      when: 'Somebody ended the tokens that a filter describes, and the consents by which they would be renewed.', outcomes: SUCCESS, log: 'The organization; the installation’s for the tokens of all.',
      details: { filter: 'All that had to hold of a token, as the request says.', because: 'Why, as whoever did it says.', ended: ENDED_BY_SWITCH },
    },
  },
  'Signals': {
    'signal_stream.created': {
      when: 'A client made a stream of security events.', outcomes: SUCCESS, target: ['signal_stream'], details: STREAM,
    },
    'signal_stream.updated': {
      when: 'A stream was changed, enabled, paused or disabled: by its receiver or by an administrator.', outcomes: SUCCESS, target: ['signal_stream'],
      details: { ...STREAM, changed: CHANGED, status: '`enabled`, `paused` or `disabled`, after this.', former_status: 'Likewise, before.' },
    },
    'signal_stream.stopped': {
      when: 'A stream was disabled by the server, and what waited on it was dropped.', outcomes: SUCCESS, target: ['signal_stream'],
      reason: '`not_taken`, when something had waited for a week; `too_many`, when too much waited.', details: { client_id: STREAM.client_id, dropped: 'How many tokens were dropped.' },
    },
    'signal_stream.deleted': {
      when: 'A stream was ended: by its receiver, by an administrator, or by the server with its client.', outcomes: SUCCESS, target: ['signal_stream'],
      details: { client_id: STREAM.client_id, method: STREAM.method, endpoint_url: STREAM.endpoint_url },
    },
    'signal_subject.removed': {
      when: 'A subject was taken off a stream: what happens to it from then on is not sent. One that was off it already has no event.', outcomes: SUCCESS, target: ['signal_stream'],
      details: { client_id: STREAM.client_id, subject: 'The subject identifier (RFC 9493).' },
    },
    'signal_subject.added': {
      when: 'A subject that had been taken off a stream was put back. One that was on it has no event.', outcomes: SUCCESS, target: ['signal_stream'],
      details: { client_id: STREAM.client_id, subject: 'The subject identifier (RFC 9493).' },
    },
    'signal.refused': {
      when: 'A receiver refused a security event token, which is not sent again. `target.id` is its `jti`.', outcomes: REFUSED, target: ['signal'],
      reason: 'What the receiver says: an error code of RFC 8935 or RFC 8936, or one of its own.',
      details: { stream_id: 'The stream.', txn: 'Id of the event that it was about.', description: 'The receiver’s words.' },
    },
  },
  'Keys': {
    'key.created': {
      when: 'A signing key was made for an algorithm that had none.', outcomes: SUCCESS, target: ['signing_key'], log: INSTALLATION, details: { ...KEY, change: '`created`. Missing of those that the first start made.' },
    },
    'key.rotated': {
      when: 'A signing key was published to take over, or took over.', outcomes: SUCCESS, target: ['signing_key'], log: INSTALLATION,
      details: {
        ...KEY, activates_at: 'When it begins to sign; RFC 3339.', change: '`published` to take over later, or `promoted` when one that waited took over at once.', supersedes: 'The key that it takes over from.',
        superseded_retires_at: 'When that one is published no longer; RFC 3339.',
      },
    },
    'key.retired': {
      when: 'A signing key is over, and its private part is gone. One that somebody withdrew has `key.revoked`.', outcomes: SUCCESS, target: ['signing_key'], log: INSTALLATION,
      reason: '`retired`: its time had come.',
    },
    'key.revoked': {
      when: 'Somebody withdrew a signing key, and with it everything that it signed; its private part is gone. A key that took over at once has `key.created` or `key.rotated` beside it.', outcomes: SUCCESS,
      target: ['signing_key'], log: INSTALLATION,
      details: { algorithm: KEY.algorithm, replaced_by: 'The key in its place, if it needed one.', because: 'Why, as whoever did it says.', ended: ENDED_BY_SWITCH },
    },
  },
  'The log itself': {
    'audit_key.created': {
      when: 'A key was made that signs the checkpoints of the log from now on: the first one, or in place of another.', outcomes: SUCCESS, target: ['audit_key'], log: INSTALLATION,
    },
    'audit_log.exported': {
      when: 'Somebody took the events along.', outcomes: SUCCESS, log: 'The organization whose events they are; the installation’s when they are those of all.',
      details: { format: '`ndjson` or `csv`.', after: 'How many events of the log the reader had already.' },
    },
    'audit_log.pruned': {
      when: 'Texts of events that nobody keeps any longer were let go, or a piece of the log in which no text was left. This event stays for as long as what it tells of.', outcomes: SUCCESS, log: INSTALLATION,
      details: {
        first: 'Number of the first event that was looked at.', next: 'Number of the event after the last one.', retention_days: 'The texts of those who keep theirs for so many days.', events: 'How many texts.',
        whole: 'True for a piece of the log: its hashes are kept elsewhere.',
      },
    },
    'audit_log.damaged': {
      when: 'The log is not what was signed before, and gets no signature any more until it is. Written once for each time that it begins to be so.', outcomes: REFUSED, log: INSTALLATION,
      reason: '`audit_log_damaged`.', details: { finding: 'What does not fit, in a sentence.' },
    },
  },
  'Refusals': {
    'access.refused': {
      when: 'A request was turned away because nobody knows who asks, or because they may not: at the REST API, or at the userinfo endpoint, and then without a `target`. `target.id` is the method and the route, such as `GET /api/agents/:id`.', outcomes: REFUSED,
      target: ['route'], log: 'The organization of the token that was presented, if it is good; else the installation’s.', reason: 'The `code` of the answer, as in [Errors](errors.md); at the userinfo endpoint its `error`.',
      details: { ...OF_POLICIES, ...OF_REQUEST, client_id: 'Of the userinfo endpoint, as are the four below: the client that the request names.' },
    },
    'request.refused': {
      when: 'A request was turned away for another reason: it is malformed, what it names does not exist, it clashes with what there is, there were too many. At the REST API, or at the end session endpoint, and then without a `target`.', outcomes: REFUSED,
      target: ['route'], log: 'As of `access.refused`.', reason: 'As of `access.refused`; `http_` and the status where there is no code.',
      details: { ...OF_REQUEST, client_id: 'Of the end session endpoint, as are the four below: the client that the request names.' },
    },
    'request.limited': {
      when: 'A limit of requests was reached, whatever the endpoint. The first refusal for it is an event; those that follow within a minute are counted, and another event says how many there were.', outcomes: REFUSED,
      log: 'The organization of who proved to have made the request; else the installation’s.', reason: '`too_many_requests`.',
      details: {
        class: 'The class of endpoints: `token`, `verification`, `pages`, `registration`, `read` or `write`.', limit: 'Whose limit it was: `source`, `client`, `user` or `organization`.',
        source: 'The source: an IPv4 address, an IPv6 /64, or `device:` and the id of somebody who signed in with this browser before. Only of the limit of one; missing where very many are counted together.', count: COUNT,
      },
    },
    'authorization.refused': { when: 'The authorization endpoint, or the one for pushed requests, refused. The person saw a page, or the client was told.', outcomes: REFUSED, log: PROTOCOL_LOG, reason: ERROR_CODE, details: OF_REQUEST },
    'introspection.refused': { when: 'The introspection endpoint refused to answer. (That a token is not active is an answer.)', outcomes: REFUSED, log: PROTOCOL_LOG, reason: ERROR_CODE, details: OF_REQUEST },
    'revocation.refused': { when: 'The revocation endpoint refused.', outcomes: REFUSED, log: PROTOCOL_LOG, reason: ERROR_CODE, details: OF_REQUEST },
  },
  'Installation': {
    'installation.set_up': {
      when: 'Somebody opened the setup link of an empty installation: they are its first platform administrator, and own its first organization. Neither has an event of its own beside this.', outcomes: SUCCESS, target: ['user'],
      log: 'The first organization.',
    },
    'installation.bootstrapped': {
      when: 'A start made what its configuration says for an empty installation: the first platform administrator, or the client `bootstrap`. One event each.', outcomes: SUCCESS, target: ['user', 'client'],
      log: 'The first organization.',
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, AuditEventEntry>>>>;

type Groups = typeof AUDIT_CATALOGUE;

export type AuditEventType = { [Group in keyof Groups]: keyof Groups[Group] & string }[keyof Groups];

/** By type. */
export const auditEventEntries = Object.assign({}, ...Object.values(AUDIT_CATALOGUE)) as Readonly<Record<AuditEventType, AuditEventEntry>>;
