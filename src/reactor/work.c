/* Helper threads, for calls that block. */
#include "reactor/loop.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define HELPERS_MAX	8
/* getaddrinfo() with its plug-ins wants some. */
#define HELPER_STACK_BYTES (256u * 1024u)

struct helpers {
	pthread_mutex_t	 lock;
	pthread_cond_t	 has_work;
	struct work	*first, **last;
	unsigned	 waiting;	/* works in the queue */
	unsigned	 idle, threads, threads_max;
	bool		 is_stopping;
	pthread_t	 thread[HELPERS_MAX];
};

static void
work_finished(struct reactor_msg *msg)
{
	struct work *w = CONTAINER_OF(msg, struct work, msg);

	assert(w->reactor->work_count > 0);
	w->reactor->work_count--;
	w->done(w);
}

static void
work_run(struct work *w)
{
	w->run(w);
	w->msg.fn = work_finished;
	reactor_post(w->reactor, &w->msg);
}

static struct work *
helpers_wait(struct helpers *h)
{
	struct work *w;

	h->idle++;
	while (h->first == NULL && !h->is_stopping)
		(void)pthread_cond_wait(&h->has_work, &h->lock);
	h->idle--;
	w = h->first;
	if (w == NULL)
		return NULL;
	h->first = w->next;
	if (h->first == NULL)
		h->last = &h->first;
	h->waiting--;
	return w;
}

static void *
helper_main(void *arg)
{
	struct helpers *h = arg;
	struct work *w;

	(void)pthread_mutex_lock(&h->lock);
	while ((w = helpers_wait(h)) != NULL) {
		(void)pthread_mutex_unlock(&h->lock);
		work_run(w);
		(void)pthread_mutex_lock(&h->lock);
	}
	(void)pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* Signals are for the threads that asked for them. */
static bool
helper_start(struct helpers *h)
{
	pthread_attr_t attr;
	sigset_t all, before;
	bool has_started;

	if (pthread_attr_init(&attr) != 0)
		return false;
	(void)pthread_attr_setstacksize(&attr, HELPER_STACK_BYTES);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	has_started = pthread_create(&h->thread[h->threads], &attr,
	    helper_main, h) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	if (has_started)
		h->threads++;
	return has_started;
}

void
helpers_push(struct helpers *h, struct work *w)
{
	w->next = NULL;
	w->reactor->work_count++;
	(void)pthread_mutex_lock(&h->lock);
	if (h->idle <= h->waiting && h->threads < h->threads_max)
		(void)helper_start(h);
	if (h->threads == 0) {
		/* The system has no thread for us: late is better than never,
		 * and done() still comes from the loop. */
		(void)pthread_mutex_unlock(&h->lock);
		work_run(w);
		return;
	}
	*h->last = w;
	h->last = &w->next;
	h->waiting++;
	(void)pthread_cond_signal(&h->has_work);
	(void)pthread_mutex_unlock(&h->lock);
}

void
work_submit(struct reactor *r, struct work *w)
{
	w->reactor = r;
	helpers_push(r->work_helpers, w);
}

struct helpers *
helpers_new(unsigned threads_max)
{
	struct helpers *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	assert(threads_max <= HELPERS_MAX);
	h->threads_max = threads_max;
	h->last = &h->first;
	(void)pthread_mutex_init(&h->lock, NULL);
	(void)pthread_cond_init(&h->has_work, NULL);
	return h;
}

void
helpers_free(struct helpers *h)
{
	if (h == NULL)
		return;
	(void)pthread_mutex_lock(&h->lock);
	h->is_stopping = true;
	(void)pthread_cond_broadcast(&h->has_work);
	(void)pthread_mutex_unlock(&h->lock);
	for (unsigned i = 0; i < h->threads; i++)
		(void)pthread_join(h->thread[i], NULL);
	(void)pthread_cond_destroy(&h->has_work);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}
