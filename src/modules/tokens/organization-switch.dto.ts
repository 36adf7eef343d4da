import type { Switched } from './organization-switch.service.js';
import { TokenResponseDto } from './token-response.dto.js';

export class SwitchedOrganizationDto extends TokenResponseDto {
  organization_id: string;
  organization_slug: string;
  organization_name: string;
  /** The person's role there. */
  role: 'owner' | 'admin' | 'member';

  static ofSwitch({ token, organization, role }: Switched): SwitchedOrganizationDto {
    return {
      ...TokenResponseDto.of(token), organization_id: organization.id, organization_slug: organization.slug, organization_name: organization.name, role,
    };
  }
}
