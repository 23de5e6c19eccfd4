// Takes mail from this machine for everybody, and sends all of it to the upstream, with a login.
exports.register = function () {
  this.upstream = this.config.get("upstream.json");
};

exports.hook_connect = function (next, connection) {
  connection.relaying = true;
  next();
};

exports.hook_get_mx = function (next) {
  next(OK, this.upstream);
};
