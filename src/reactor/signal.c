/* Signals as events, by signalfd. */
#include "reactor/loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SIGNALS_MAX	8

struct signals {
	sigset_t	 mask;
	int		 fd;
	unsigned	 count;
	struct {
		int	 signo;
		void	(*fn)(void *owner, int signo);
		void	*owner;
	} on[SIGNALS_MAX];
};

/* A signal goes to one reader, so one reactor reads. */
static _Atomic(struct reactor *) signals_reactor;

static void
signal_deliver(struct signals *ss, int signo)
{
	for (unsigned i = 0; i < ss->count; i++)
		if (ss->on[i].signo == signo)
			ss->on[i].fn(ss->on[i].owner, signo);
}

static void
signals_ready(void *owner, uint32_t events)
{
	struct signals *ss = owner;
	struct signalfd_siginfo info;

	while (read(ss->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signal_deliver(ss, (int)info.ssi_signo);
}

static bool
signals_start(struct reactor *r, struct signals *ss, struct error *e)
{
	(void)sigemptyset(&ss->mask);
	ss->fd = signalfd(-1, &ss->mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ss->fd < 0)
		return error_set(e, errno, "signals: signalfd: %s",
		    error_words(errno));
	if (watch_start(r, ss->fd, POLLIN, signals_ready, ss) == NULL)
		return error_set(e, ENOMEM, "signals: out of memory");
	return true;
}

static bool
signals_open(struct reactor *r, struct error *e)
{
	struct reactor *before = NULL;
	bool is_first = atomic_compare_exchange_strong(&signals_reactor,
	    &before, r);

	assert(is_first);
	r->signals = calloc(1, sizeof(*r->signals));
	if (r->signals == NULL) {
		atomic_store(&signals_reactor, NULL);
		return error_set(e, ENOMEM, "signals: out of memory");
	}
	if (!signals_start(r, r->signals, e)) {
		signals_close(r);
		return false;
	}
	return true;
}

bool
reactor_on_signal(struct reactor *r, int signo,
    void (*fn)(void *owner, int signo), void *owner, struct error *e)
{
	struct signals *ss;
	int error;

	if (r->signals == NULL && !signals_open(r, e))
		return false;
	ss = r->signals;
	assert(ss->count < SIGNALS_MAX);
	(void)sigaddset(&ss->mask, signo);
	error = pthread_sigmask(SIG_BLOCK, &ss->mask, NULL);
	if (error != 0 ||
	    signalfd(ss->fd, &ss->mask, SFD_CLOEXEC | SFD_NONBLOCK) < 0)
		return error_set(e, error != 0 ? error : errno,
		    "signal %s: cannot be received", sigabbrev_np(signo));
	ss->on[ss->count].signo = signo;
	ss->on[ss->count].fn = fn;
	ss->on[ss->count].owner = owner;
	ss->count++;
	return true;
}

void
signals_close(struct reactor *r)
{
	if (r->signals == NULL)
		return;
	if (r->signals->fd >= 0)
		(void)close(r->signals->fd);
	free(r->signals);
	r->signals = NULL;
	atomic_store(&signals_reactor, NULL);
}
