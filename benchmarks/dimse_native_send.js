// Sends a folder with npm's dicom-dimse-native, an addon made of DCMTK:  node dimse_native_send.js PORT FOLDER
const { storeScu } = require('dicom-dimse-native');

const [port, root] = process.argv.slice(2);
const peer = (aet, number) => ({ aet, ip: '127.0.0.1', port: Number(number) });
storeScu({ source: peer('NATIVE', 0), target: peer('ANY-SCP', port), sourcePath: root }, (result) => {
  if (JSON.parse(result).status === 'failure') {
    console.error(result);
    process.exitCode = 1;
  }
});
