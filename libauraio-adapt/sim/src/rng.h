/* rng.h - the random numbers of a run: xoshiro256++, seeded by splitmix64.
 *
 * Both are written from the description by Blackman and Vigna ("Scrambled linear pseudorandom
 * number generators", 2021). Each purpose (service times, arrivals, sizes ...) has a stream of its
 * own, so that what one policy consumes in one place does not shift the luck of another place.
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <math.h>
#include <stdint.h>

typedef struct sim_rng {
    uint64_t s[4];
} sim_rng_t;

/* One step of splitmix64: good bits out of any seed, even 0 and its neighbours. */
static inline uint64_t sim_mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void sim_rng_seed(sim_rng_t *rng, uint64_t seed, uint64_t stream)
{
    uint64_t state = seed;
    state = sim_mix(&state) ^ stream;
    for (int i = 0; i < 4; i++)
        rng->s[i] = sim_mix(&state);
}

static inline uint64_t sim_rng_next(sim_rng_t *rng)
{
    uint64_t *s = rng->s;
    uint64_t sum = s[0] + s[3];
    uint64_t result = ((sum << 23) | (sum >> 41)) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Uniform in (0, 1]: its logarithm is finite. */
static inline double sim_rng_uniform(sim_rng_t *rng)
{
    return (double)((sim_rng_next(rng) >> 11) + 1) * 0x1p-53;
}

static inline double sim_rng_exponential(sim_rng_t *rng, double mean)
{
    return -mean * log(sim_rng_uniform(rng));
}

/* The longest time anything takes: three years, so that a few of them still add up in 64 bits. */
#define SIM_LONG_NS 1e17

/* A time of at least 1 ns, so that two events of one source never coincide, and at most
 * SIM_LONG_NS. */
static inline int64_t sim_time_ns(double ns)
{
    return ns < 1 ? 1 : ns < SIM_LONG_NS ? (int64_t)ns : (int64_t)SIM_LONG_NS;
}

static inline int64_t sim_rng_interval_ns(sim_rng_t *rng, double mean_ns)
{
    return sim_time_ns(sim_rng_exponential(rng, mean_ns));
}

#endif
