// The search of the site takes a dash or plus sign before a word for "without" or "must have".  Options begin with them,
// so they are left out of what is searched for: `--no-halt` finds what `no-halt` finds.
{
    const postMessage = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, ...rest) {
        if (message && typeof message.data === "string") {
            message = {...message, data: message.data.replace(/(^|\s)[-+]+(?=\w)/g, "$1")};
        }
        return postMessage.call(this, message, ...rest);
    };
}
