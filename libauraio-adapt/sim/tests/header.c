/* The header alone, twice: it needs nothing before it and bears being included again. */
#include <auraio/adapt_sim.h>
#include <auraio/adapt_sim.h>

int main(void)
{
    return auraio_sim_policy_find("fixed") ? 0 : 1;
}
