/* Reads and writes memory, so that AddressSanitizer has something to check. */
int checked_sum(int up_to)
{
    int all[16] = {0};
    int sum = 0;
    for (int i = 0; i <= up_to && i < 16; i++)
        all[i] = i;
    for (int i = 0; i < 16; i++)
        sum += all[i];
    return sum;
}
