/** The modified Bessel function of order 0. */
