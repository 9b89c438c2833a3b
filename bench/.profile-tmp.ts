import { mkdtemp, mkdir, writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inLaboratory } from '/work/main/bench/laboratory.ts';
import { startChild } from '/work/main/bench/children.ts';
import { startServer, waitUntilAnswering, findPort } from '/work/main/bench/gateway/server.ts';
import { BODY, simProfiles, MODEL, STREAM_MODEL } from '/work/main/bench/gateway/workload.ts';
import { Redis } from 'ioredis';
const connections = Number(process.argv[2]); const seconds = Number(process.argv[3] ?? 10); const monitor = process.argv[4] === 'monitor';
const dir = `/tmp/gwbench/prof/c${connections}`; await rm(dir,{recursive:true,force:true}); await mkdir(dir,{recursive:true});
await inLaboratory(async (lab) => {
  const folder = await mkdtemp('/tmp/gwbench/run-');
  const config = join(folder, 'sluice.yaml'); const price={input:0.15,output:0.6};
  await writeFile(config, JSON.stringify({ redis:{url:`unix://${lab.socketPath}`}, providers:{sim:{base_url:lab.simUrl,allow_private:true}}, models:Object.fromEntries([MODEL,STREAM_MODEL].map(id=>[id,{provider:'sim',id,price}])), budgets:{everything:{limit_usd:100000,window:'day'}} }));
  const port = await findPort();
  const server = startServer({ name:'sluice', command: process.execPath, args:['/work/main/bin/sluice.js','serve','--config',config,'--port',String(port),'--allow-anonymous','--concurrency','512'], environment: monitor?{}:{NODE_OPTIONS:`--cpu-prof --cpu-prof-interval 500 --cpu-prof-dir=${dir}`}, folder });
  const target = { url:`http://127.0.0.1:${port}/v1/chat/completions`, headers:{'content-type':'application/json'}, body: BODY };
  const client = startChild('gateway/load-process.ts');
  try {
    await waitUntilAnswering(server, target);
    await client.ask('start', {...target, connections, warmUpMs: 2000});
    if (monitor) {
      await client.ask('stop'); await sleep(1000);
      const m = await new Redis(lab.socketPath).monitor(); const lines: string[] = [];
      m.on('monitor', (time: string, args: string[], source: string) => lines.push(`${time} ${source} ${args.slice(0,3).map(a=>a.slice(0,60)).join(' ')}`));
      for (let i=0;i<5;i++){ lines.push(`--- request ${Date.now()/1000}`); const r = await fetch(target.url,{method:'POST',headers:target.headers,body:target.body}); await r.text(); lines.push(`--- answered ${Date.now()/1000}`); await sleep(300);}
      await writeFile(join(dir,'monitor.txt'), lines.join('\n'));
      await writeFile(join(dir,'clients.txt'), await lab.redis.client('LIST') as string);
      m.disconnect();
    } else {
      await lab.redis.config('RESETSTAT'); await client.ask('mark');
      await sleep(seconds*1000);
      const stats = await lab.redis.info('commandstats'); const run = await client.ask('stop');
      console.log(JSON.stringify(run)); await writeFile(join(dir,'commandstats.txt'), JSON.stringify(run)+'\n'+stats);
    }
  } finally { await client.stop(); process.kill(server.pid,'SIGTERM'); await sleep(6000); await server.stop(); }
}, simProfiles(20));
