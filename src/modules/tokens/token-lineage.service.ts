import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { isId, type OrganizationId, type TaskId, type TokenId } from '../../kernel/ids.js';
import type { ClientRecord } from '../clients/clients.service.js';
import { DelegationGrants, type DelegationPath } from '../delegation/delegation-grants.service.js';
import { Tasks, type KnownTask } from '../tasks/tasks.service.js';
import { lastOf } from './delegation-facts.js';
import { LedgerToken } from './ledger-token.entity.js';
import type { LineageRow } from './token-ledger.service.js';
import type { Issuance } from './token-record.js';
import { TokenVerifier, type AccessTokenClaims } from './token-verifier.service.js';
import { lineageRefused, taskUnusable } from './tokens.errors.js';

/** Longest lineage, the new token not counted: liveness asks after every ancestor each time. */
export const MOST_ANCESTORS = 16;

/** A live token of ours that another one is to descend from. */
export interface ParentToken {
  readonly claims: AccessTokenClaims;
  readonly row: LineageRow;
}

/** What a token request says of tasks. */
export interface TaskRequest {
  readonly task_id?: string;
  readonly parent_task_id?: string;
  readonly task_description?: string;
}

/** Where a new token stands among tasks. */
export interface TaskPlace extends Pick<Issuance, 'taskId' | 'parentTaskId'> {
  /** A task to be opened together with the token, under the token's id. */
  readonly opens?: { readonly description?: string; readonly above?: KnownTask };
  /**
   * A task without a row that the token goes on with, below another one: it gets a row, because cancelling what is above it would
   * not be seen otherwise. (Until then each of its tokens descends from one of the task above, and is ended with that.)
   */
  readonly settles?: KnownTask;
}

/** What a new token descends from, and which task it belongs to. */
@Injectable()
export class TokenLineage {
  constructor(
    @InjectRepository(LedgerToken) private readonly ledger: Repository<LedgerToken>,
    private readonly verifier: TokenVerifier,
    private readonly delegations: DelegationGrants,
    private readonly tasks: Tasks,
  ) {}

  /**
   * The live token behind this text, with its row; undefined when it is not ours, not alive, of another organization, or says
   * something else than the ledger does.
   */
  async present(token: string, organizationId: string): Promise<ParentToken | undefined> {
    const found = await this.verifier.findLiveParent(token);
    return found?.claims.tenant_id === organizationId ? found : undefined;
  }

  /**
   * The parent of a token that a client asks for: a live token of its own, or of one that delegated to it.
   * @throws DomainError `invalid_grant`
   */
  async parent(token: string, client: ClientRecord): Promise<ParentToken> {
    const parent = client.organizationId === null ? undefined : await this.present(token, client.organizationId);
    if (!parent) throw lineageRefused('the parent token is not alive, or not known to this client');
    if (parent.row.clientId !== client.id && (await this.delegations.between(parent.row.organizationId, parent.row.clientId, client.id)).length === 0) {
      throw lineageRefused('the parent token is not alive, or not known to this client');
    }
    assertRoomBelow(parent);
    return parent;
  }

  /**
   * A task to go on with is one that the client works on; one to begin below another needs that, or a parent token or a delegation
   * from whoever works on it.
   *
   * @throws DomainError `invalid_grant`
   */
  async place(client: ClientRecord, { task_id: continued, parent_task_id: named, task_description: description }: TaskRequest, from: { parent?: ParentToken; path?: DelegationPath }): Promise<TaskPlace> {
    const worksOn = (task: KnownTask) => task.clientId === client.id || task.id === from.parent?.row.taskId;
    if (continued !== undefined) {
      const { task, hasRow } = await this.openTask(continued, client);
      if (!worksOn(task)) throw taskUnusable();
      return { taskId: task.id, parentTaskId: task.ancestors.at(-1), ...(!hasRow && task.ancestors.length > 0 && { settles: task }) };
    }
    if (named !== undefined) {
      const { task: above } = await this.openTask(named, client);
      const isDelegate = from.path !== undefined && lastOf(from.path).principalId === above.clientId;
      if (!worksOn(above) && !isDelegate) throw taskUnusable();
      return { parentTaskId: above.id, opens: { description, above } };
    }
    if (from.parent && description === undefined) return { taskId: from.parent.row.taskId, parentTaskId: from.parent.row.parentTaskId ?? undefined };
    if (from.parent) {
      const { task: above } = await this.openTask(from.parent.row.taskId, client);
      return { parentTaskId: above.id, opens: { description, above } };
    }
    return description === undefined ? {} : { opens: { description } };
  }

  /** @throws DomainError `invalid_grant` when there is no such task in the client's organization, or it is over */
  private async openTask(id: string, client: ClientRecord): Promise<{ task: KnownTask; hasRow: boolean }> {
    const known = await this.findTask(id);
    if (!known || known.task.organizationId !== client.organizationId || known.isOver) throw taskUnusable();
    return known;
  }

  /** A task of which something was said, or one that is known by the token that began it. */
  async findTask(id: string): Promise<{ readonly task: KnownTask; readonly hasRow: boolean; readonly isOver: boolean } | undefined> {
    if (!isId(id)) return undefined;
    const told = await this.tasks.find(id);
    if (told) return { task: told, hasRow: true, isOver: await this.tasks.isOver(told) };
    const first = await this.ledger.findOneBy({ id: id as TokenId });
    if (first?.taskId !== id) return undefined;
    const above = first.parentTaskId === null ? undefined : await this.findTask(first.parentTaskId);
    return {
      hasRow: false,
      isOver: above?.isOver ?? false,
      task: {
        id: id as TaskId, organizationId: first.organizationId as OrganizationId, clientId: first.clientId,
        rootTaskId: above?.task.rootTaskId ?? id as TaskId, ancestors: above ? [...above.task.ancestors, above.task.id] : [],
      },
    };
  }
}

/** @throws DomainError `invalid_grant` */
export function assertRoomBelow({ row }: ParentToken): void {
  if ((row.ancestors?.length ?? 0) >= MOST_ANCESTORS) throw lineageRefused('it would be one step too far from its root');
}

/** How the record of a token names its parent. */
export function descentFrom({ row }: ParentToken): NonNullable<Issuance['parent']> {
  return { tokenId: row.id, rootTokenId: row.rootTokenId, ancestors: row.ancestors ?? [] };
}
