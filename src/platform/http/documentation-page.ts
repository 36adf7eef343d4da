import type { SwaggerCustomOptions } from '@nestjs/swagger';
import type { Config } from '../config/config.js';

export const DOCUMENTATION_PATH = '/api/docs';
export const OPENAPI_PATH = '/api/openapi.json';
/** The public client that the API browser signs in with; its redirect URI is `<issuer>/api/docs/oauth2-redirect.html`. */
export const DOCUMENTATION_CLIENT_ID = 'swagger-ui';

const ICON = 'data:image/svg+xml,' + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0b3b40"/><path d="M11 7v14.5a3 3 0 0 0 3 3h10" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round"/><circle cx="21.5" cy="12" r="4" fill="#e3b45c"/></svg>',
).replaceAll("'", '%27');

/** The bar of the server's own pages instead of Swagger's. */
const STYLE = `
.swagger-ui .topbar { padding: 14px 0; background: #0b3b40; }
.swagger-ui .topbar .link svg, .swagger-ui .topbar .link img { display: none; }
.swagger-ui .topbar .link { flex: 1; max-width: none; }
.swagger-ui .topbar .link::before { content: ""; width: 30px; height: 30px; margin-right: 8px; background: url("${ICON}") center / contain no-repeat; }
.swagger-ui .topbar .link::after { content: "Legate"; color: #fff; font: 600 19px/30px system-ui, sans-serif; }
`;

/** Settings and look of the API browser, Swagger UI. */
export function documentationPage(config: Pick<Config, 'issuer'>): SwaggerCustomOptions {
  return {
    jsonDocumentUrl: OPENAPI_PATH,
    raw: ['json'],
    customSiteTitle: 'Legate API',
    customfavIcon: ICON,
    customCss: STYLE,
    swaggerOptions: {
      oauth2RedirectUrl: `${config.issuer}${DOCUMENTATION_PATH}/oauth2-redirect.html`,
      initOAuth: { clientId: DOCUMENTATION_CLIENT_ID, usePkceWithAuthorizationCodeGrant: true, scopes: ['openid'] },
      plugins: [clientsBringTheirOwnId],
      // It would write tokens and client secrets into the browser's storage, where they outlive the window.
      persistAuthorization: false,
      // Otherwise the page would show the document to a validator on somebody else's server.
      validatorUrl: null,
      displayRequestDuration: true,
      tryItOutEnabled: true,
      defaultModelsExpandDepth: 0,
    },
  };
}

interface AuthorizationForm {
  readonly schema: { get(name: string): unknown };
  readonly authSelectors: { getConfigs(): object | undefined };
}

/**
 * Swagger UI fills in the same client and scopes wherever OAuth is offered. They are for people who sign in: a client that
 * acts for itself has its own id, and is refused `openid`, which needs a person, though the form does not even show it.
 *
 * Its text is sent to the browser and runs there, so that it can use nothing from outside itself.
 */
function clientsBringTheirOwnId() {
  return {
    wrapComponents: {
      oauth2: (Form: unknown, { React }: { React: { createElement(type: unknown, props: object): unknown } }) => (props: AuthorizationForm) => {
        if (props.schema.get('flow') !== 'clientCredentials') return React.createElement(Form, props);
        const configs = Object.assign({}, props.authSelectors.getConfigs(), { clientId: '', scopes: [] });
        return React.createElement(Form, Object.assign({}, props, { authSelectors: Object.assign({}, props.authSelectors, { getConfigs: () => configs }) }));
      },
    },
  };
}
