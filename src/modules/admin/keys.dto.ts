import { Type } from 'class-transformer';
import { ArrayMinSize, ArrayUnique, IsArray, IsBoolean, IsIn, IsObject, ValidateNested } from 'class-validator';
import { SIGNING_ALGORITHMS } from '../../platform/crypto/key-lifecycle.js';
import type { KeyDescription } from '../../platform/crypto/key-ring.service.js';
import type { KeyChange } from '../../platform/crypto/key-rotation.js';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsDisplayName } from '../../platform/http/validation.js';
import { EndedTokensDto } from './bulk-revocation.dto.js';
import { PreviewedCountsDto } from './kill-switches.dto.js';

export class RotateKeysDto {
  /** Of which algorithms; of all when left out. */
  @IsOmittable() @IsArray() @ArrayMinSize(1) @ArrayUnique() @IsIn(SIGNING_ALGORITHMS, { each: true })
  algorithms?: ('ES256' | 'RS256')[];

  /** Sign with the new keys at once, without waiting until verifiers can know them. They then have to fetch the key set again. */
  @IsOmittable() @IsBoolean()
  immediately?: boolean;
}

/** A signing key that is published. */
export class SigningKeyDto {
  kid: string;
  algorithm: 'ES256' | 'RS256';
  /** `pending`: published, not used yet; `active`: it signs; `retiring`: what it signed is still verified. */
  state: 'pending' | 'active' | 'retiring' | 'retired';
  published_at: string;
  activates_at: string;
  /** When its successor takes over, once there is one. */
  superseded_at: string | null;
  /** When it leaves the key set, once there is a successor. */
  retires_at: string | null;

  static of(key: KeyDescription): SigningKeyDto {
    return {
      kid: key.kid,
      algorithm: key.algorithm,
      state: key.state,
      published_at: key.publishedAt.toISOString(),
      activates_at: key.activatesAt.toISOString(),
      superseded_at: key.supersededAt?.toISOString() ?? null,
      retires_at: key.retiresAt?.toISOString() ?? null,
    };
  }
}

export class SigningKeyListDto {
  data: SigningKeyDto[];
  next_cursor: string | null;
}

/** What was decided about one algorithm. */
export class KeyRotationDto {
  /** `published` to take over later, `promoted` when a waiting key took over, `already_pending` when one waits already, `created` when there was none. */
  change: 'created' | 'published' | 'promoted' | 'already_pending';
  algorithm: 'ES256' | 'RS256';
  kid: string;
  published_at: string;
  activates_at: string;
  /** The key it takes over from, and when that one leaves the key set. */
  supersedes: string | null;
  superseded_retires_at: string | null;

  static of(change: KeyChange): KeyRotationDto {
    return {
      change: change.change,
      algorithm: change.algorithm,
      kid: change.kid,
      published_at: change.publishedAt.toISOString(),
      activates_at: change.activatesAt.toISOString(),
      supersedes: change.supersedes,
      superseded_retires_at: change.supersededRetiresAt?.toISOString() ?? null,
    };
  }
}

export class KeyRotationListDto {
  data: KeyRotationDto[];
}

export class RevokeKeyDto {
  /**
   * Why, for the audit log. It has to be there.
   * @example "A backup of the key was copied."
   */
  @IsOmittable() @IsDisplayName(500)
  reason?: string;

  /** `counts` of the preview. The answer then tells what has come since; that ends as well. */
  @IsOmittable() @IsObject() @ValidateNested() @Type(() => PreviewedCountsDto)
  previewed?: PreviewedCountsDto;
}

export class RevokedKeyDto extends EndedTokensDto {
  kid: string;
  /** The key that signs, or will sign, in its place; null when another had taken over before. */
  replaced_by: string | null;
}
