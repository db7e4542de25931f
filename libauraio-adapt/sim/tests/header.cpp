// The header alone, twice, as C++.
#include <auraio/adapt_sim.h>
#include <auraio/adapt_sim.h>

int main()
{
    return auraio_sim_policy_find("fixed") != nullptr ? 0 : 1;
}
