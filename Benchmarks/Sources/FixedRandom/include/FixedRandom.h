// Makes the system's random numbers the same in every run of a program, once fixed_random_begin was called.
//
// The packet path's tables draw a secret seed for their hash at start, and with another seed other entries collide: a
// few instructions more or less for every packet. Who counts instructions wants the same collisions each time.
#pragma once
void fixed_random_begin(void);
