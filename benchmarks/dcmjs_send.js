// Sends files or a folder with npm's dcmjs-dimse:  node dcmjs_send.js PORT PATH
// The package reads each file into objects and writes them again; all requests go over one association.
const fs = require('fs');
const path = require('path');
const { Client, requests, constants } = require('dcmjs-dimse');
const log = require('dcmjs-dimse').log;

if (log && log.transports) log.silent = true;

function filesOf(name) {
  if (!fs.statSync(name).isDirectory()) return [name];
  return fs.readdirSync(name).flatMap((inner) => filesOf(path.join(name, inner)));
}

const [port, root] = process.argv.slice(2);
const client = new Client();
let missing = 0;
for (const file of filesOf(root)) {
  missing += 1;
  const request = new requests.CStoreRequest(file);
  request.on('response', (response) => {
    if (response.getStatus() === constants.Status.Success) missing -= 1;
  });
  client.addRequest(request);
}
client.on('networkError', (error) => { console.error(String(error)); process.exitCode = 2; });
client.on('closed', () => { if (missing) process.exitCode = 1; });
client.send('127.0.0.1', Number(port), 'DCMJS', 'ANY-SCP');
