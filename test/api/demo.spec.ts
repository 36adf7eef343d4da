import { spawn } from 'node:child_process';
import { once } from 'node:events';

describe('the demo', () => {
  it('plays the main job from beginning to end, with a line for each step', async () => {
    const demo = spawn(process.execPath, ['dist/demo/demo.js'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (chunk) => { said += String(chunk); });
    const [code] = await once(demo, 'close') as [number];
    expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('steps came out as they should') });
    for (const step of ['client_credentials', 'GET /api/demo/stocks answers 403', 'GET /api/demo/weather answers 200 for the person', 'refreshing again is refused']) expect(said).toContain(step);
  });
});
