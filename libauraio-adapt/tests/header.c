/* <auraio/adapt.h> needs no other include: this file compiling is the test. */
#include <auraio/adapt.h>

int main(void)
{
    auraio_hist_t hist = {{0}};
    auraio_hist_record(&hist, 1000);
    return hist.buckets[auraio_hist_index(1000)] == 1 ? 0 : 1;
}
