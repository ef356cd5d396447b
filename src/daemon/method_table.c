/* See methods.h: the list as a table. */
#include "daemon/methods.h"

#define PARAM(name, type, need, help) { name, RPC_##type, RPC_##need, help },
#define METHOD(name, handler, right, help, ...)				\
	static const struct rpc_param handler##_params[] = { __VA_ARGS__ {} };
#include "daemon/methods.def"
#undef METHOD
#undef PARAM

const struct rpc_method methods[] = {
#define PARAM(...)
#define METHOD(name, handler, right, help, ...)				\
	{ name, handler, RPC_##right, handler##_params, help },
#include "daemon/methods.def"
#undef METHOD
#undef PARAM
};

const size_t methods_count = sizeof(methods) / sizeof(*methods);
