// SPDX-License-Identifier: MIT
// Calls on_the_stack(): the answer is 42.
#include BLOCK

int main()
{
    return on_the_stack() == 42 ? 0 : 1;
}
